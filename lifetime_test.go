package filemap_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/filemap-go/filemap"
)

// TestAfterClose calls everything there is on a closed Map.
func TestAfterClose(t *testing.T) {
	m := open(t, writeFile(t, pattern(10000)), filemap.Private)
	c := m.Cursor()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	second := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"Close":             m.Close(),
		"ReadAt":            second(m.ReadAt(one, 0)),
		"ReadAt at the end": second(m.ReadAt(one, 1<<40)),
		"WriteAt":           second(m.WriteAt(one, 0)),
		"Slice":             second(m.Slice(0, 1)),
		"SliceOf":           second(filemap.SliceOf[int32](m, 0, 1)),
		"PointerTo":         second(filemap.PointerTo[int32](m, 0)),
		"Load":              second(filemap.Load[int32](m, 0)),
		"Store":             filemap.Store(m, 0, int32(1)),
		"Sync":              m.Sync(),
		"SyncRange":         m.SyncRange(0, 1),
		"StartWriteback":    m.StartWriteback(0, 1),
		"Advise":            m.Advise(filemap.Random, 0, 1),
		"AdviseDestructive": m.AdviseDestructive(filemap.DontNeed, 0, filemap.ToEnd),
		"Lock":              m.Lock(0, 1),
		"Unlock":            m.Unlock(0, 1),
		"Protect":           m.Protect(filemap.ReadOnly, 0, filemap.ToEnd),
		"Populate":          m.Populate(t.Context(), 0, 1, nil),
		"Residency":         second(m.Residency(t.Context(), 0, 1)),
		"Guard":             m.Guard(func() error { t.Error("Guard ran its function"); return nil }),
		"PutRecord":         second(m.PutRecord(0, one)),
		"Cursor.Read":       second(c.Read(one)),
		"Cursor.Write":      second(c.Write(one)),
		"Cursor.Seek":       second(c.Seek(0, io.SeekStart)),
		"Cursor.ReadByte":   second(c.ReadByte()),
		"Cursor.UnreadByte": c.UnreadByte(),
		"Cursor.WriteByte":  c.WriteByte(1),
		"Cursor.Next":       second(c.Next(1)),
		"Cursor.WriteTo":    second(c.WriteTo(io.Discard)),
		"Cursor.ReadFrom":   second(c.ReadFrom(bytes.NewReader(one))),
		"WriteTo a file":    second(c.WriteTo(os.Stdout)),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v, want os.ErrClosed", name, err)
		}
		var typed *filemap.Error
		if !errors.As(err, &typed) {
			t.Errorf("%s: %T, want *filemap.Error", name, err)
		}
	}
	_, _, err := m.Record(0)
	wantError(t, err, os.ErrClosed)
	if m.Bytes() != nil {
		t.Error("Bytes of a closed Map")
	}
}

// TestCloseDuringUse closes under the hands of readers and writers: each call
// either works on the file's bytes or returns os.ErrClosed, while other mappings
// come and go at what might be the same addresses.
func TestCloseDuringUse(t *testing.T) {
	const size = 64 << 10
	path := writeFile(t, bytes.Repeat([]byte{1}, size))
	other := writeFile(t, bytes.Repeat([]byte{2}, size))
	for range 200 {
		m, err := filemap.Open(path, filemap.Private)
		if err != nil {
			t.Fatal(err)
		}
		var started, done sync.WaitGroup
		for w := range 4 {
			started.Add(1)
			done.Go(func() {
				started.Done()
				useUntilClosed(t, m, w%2 == 0)
			})
		}
		started.Wait()
		runtime.Gosched()
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		stranger := open(t, other, filemap.Private)
		done.Wait()
		if stranger.Bytes()[0] != 2 || stranger.Close() != nil {
			t.Error("a closed Map wrote into a stranger")
		}
	}
}

func useUntilClosed(t *testing.T, m *filemap.Map, write bool) {
	p := bytes.Repeat([]byte{1}, 8192)
	for i := int64(0); ; i++ {
		runtime.Gosched() // js and wasip1 take the processor from nobody
		var err error
		if write {
			_, err = m.WriteAt(p, i%7*8192)
		} else {
			var n int
			n, err = m.ReadAt(p, i%7*8192)
			if !bytes.Equal(p[:n], bytes.Repeat([]byte{1}, n)) {
				t.Error("read a stranger's bytes")
				return
			}
		}
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			t.Errorf("got %v", err)
			return
		}
	}
}
