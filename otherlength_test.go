package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap"
)

// others drives a Map that grows while others change its file's length between its
// calls. Others write this, and the Map never does.
type others struct {
	path string
	m    *filemap.Map
	flag filemap.Flag
}

var foreign = []byte("FOREIGN!")

func (o *others) read(t *rapid.T) []byte {
	b, err := os.ReadFile(o.path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (o *others) open(t *rapid.T) {
	var err error
	if o.m, err = filemap.Open(o.path, filemap.ReadWrite, o.flag, filemap.Reserve(2<<20)); err != nil {
		t.Fatal(err)
	}
}

// unchanged checks that a call that failed has left the file alone, and why it failed.
func (o *others) unchanged(t *rapid.T, before []byte, err error) {
	if !errors.Is(err, filemap.ErrBounds) && !errors.Is(err, filemap.ErrReserved) && !errors.Is(err, filemap.ErrTruncated) {
		t.Fatalf("an error of another kind: %v", err)
	}
	if !bytes.Equal(o.read(t), before) {
		t.Fatalf("the call failed (%v) and has changed the file", err)
	}
}

// cutOff checks that what the Map has cut off or overwritten was nobody's.
func cutOff(t *rapid.T, before []byte, from int64) {
	if int64(len(before)) > from && bytes.Contains(before[from:], foreign) {
		t.Fatalf("bytes of others behind %d are gone", from)
	}
}

func (o *others) Append(t *rapid.T) {
	n := rapid.OneOf(rapid.IntRange(1, 300), rapid.IntRange(4000, 9000), rapid.IntRange(32<<10, 90_000)).Draw(t, "n")
	p := bytes.Repeat([]byte{rapid.ByteRange('a', 'z').Draw(t, "byte")}, n)
	before := o.read(t)
	off, err := o.m.Append(p)
	if err != nil {
		o.unchanged(t, before, err)
		return
	}
	after := o.read(t)
	end := off + int64(n)
	if int64(len(before)) < off || int64(len(after)) < end || !bytes.Equal(after[:off], before[:off]) || !bytes.Equal(after[off:end], p) {
		t.Fatalf("%d bytes at %d of a file of %d are not there, or others before them", n, off, len(before))
	}
	// Others may have written behind what is prepared, and stay there.
	if bytes.Count(after, foreign) < bytes.Count(before, foreign) {
		t.Fatalf("bytes of others behind %d are overwritten", off)
	}
}

func (o *others) Resize(t *rapid.T) {
	n := rapid.IntRange(0, 300_000).Draw(t, "n")
	before, had := o.read(t), o.m.Len()
	if err := o.m.Resize(int64(n)); err != nil {
		o.unchanged(t, before, err)
		return
	}
	want := append(bytes.Clone(before[:min(int64(n), had)]), make([]byte, max(int64(n)-had, 0))...)
	if !bytes.Equal(o.read(t), want) {
		t.Fatalf("resized from %d to %d: other bytes", had, n)
	}
	cutOff(t, before, had)
}

func (o *others) Trim(t *rapid.T) {
	before := o.read(t)
	if err := o.m.Trim(); err != nil {
		o.unchanged(t, before, err)
		return
	}
	after := o.read(t)
	if !bytes.HasPrefix(before, after) || int64(len(after)) < min(o.m.Len(), int64(len(before))) {
		t.Fatalf("trimmed from %d to %d bytes, the Map has %d", len(before), len(after), o.m.Len())
	}
	cutOff(t, before, int64(len(after)))
}

func (o *others) Sync(t *rapid.T) {
	before := o.read(t)
	if err := o.m.Sync(); err != nil {
		o.unchanged(t, before, err)
	} else if int64(len(before)) < o.m.Len() {
		t.Fatalf("synced, and the file has %d bytes of %d", len(before), o.m.Len())
	}
}

func (o *others) Refresh(t *rapid.T) {
	before := o.read(t)
	n, err := o.m.Refresh()
	if err != nil && !errors.Is(err, filemap.ErrReserved) || n > int64(len(before)) {
		t.Fatalf("refreshed to %d of %d: %v", n, len(before), err)
	}
}

func (o *others) Reopen(t *rapid.T) {
	before := o.read(t)
	if err := o.m.Close(); err != nil {
		o.unchanged(t, before, err)
	} else if after := o.read(t); !bytes.HasPrefix(before, after) {
		t.Fatal("Close has changed bytes")
	} else {
		cutOff(t, before, int64(len(after)))
	}
	o.open(t)
}

// Truncate is another's, to less or more, or to less and back.
func (o *others) Truncate(t *rapid.T) {
	size := len(o.read(t))
	n := rapid.OneOf(rapid.IntRange(0, size), rapid.Just(int(o.m.Len())), rapid.IntRange(size, size+100_000)).Draw(t, "to")
	if err := os.Truncate(o.path, int64(min(n, 3<<20))); err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "and back") {
		if err := os.Truncate(o.path, int64(size)); err != nil {
			t.Fatal(err)
		}
	}
}

// Write is another's, to the file's end, which it may have cut before.
func (o *others) Write(t *rapid.T) {
	flag := os.O_WRONLY | os.O_APPEND
	if rapid.Bool().Draw(t, "anew") {
		flag |= os.O_TRUNC
	}
	f, err := os.OpenFile(o.path, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := rapid.OneOf(rapid.IntRange(1, 30), rapid.IntRange(1, 20_000)).Draw(t, "n")
	_, err = f.Write(bytes.Repeat(foreign, n))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// AppendOther is another Map's.
func (o *others) AppendOther(t *rapid.T) {
	m, err := filemap.Open(o.path, filemap.ReadWrite, filemap.Reserve(4<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = m.Append(bytes.Repeat(foreign, rapid.IntRange(1, 5000).Draw(t, "n"))); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLengthChangedByOthers: whatever others have done to the file's length between
// two calls, no call overwrites, cuts off or pads what it has not seen, and none
// says that bytes are there which are not.
func TestLengthChangedByOthers(t *testing.T) {
	needResizable(t)
	probe, _ := reserve(t, nil)
	closeQuietly(t, probe)
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		o := &others{path: filepath.Join(dir, "file"), flag: rapid.SampledFrom([]filemap.Flag{0, filemap.Unmapped}).Draw(rt, "flag")}
		if err := os.WriteFile(o.path, bytes.Repeat([]byte{'a'}, rapid.SampledFrom([]int{0, 1, 4096, 70_001}).Draw(rt, "size")), 0o644); err != nil {
			rt.Fatal(err)
		}
		o.open(rt)
		defer func() { _ = o.m.Close() }()
		rt.Repeat(map[string]func(*rapid.T){
			"Append": o.Append, "Append more": o.Append, "Resize": o.Resize, "Trim": o.Trim, "Sync": o.Sync, "Refresh": o.Refresh, "Reopen": o.Reopen,
			"Truncate": o.Truncate, "Write": o.Write, "AppendOther": o.AppendOther,
		})
	})
}

// growingLog makes a new log.
func growingLog(t *testing.T) (m *filemap.Map, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "log")
	m, err := filemap.Create(path, 0, filemap.Reserve(2<<20))
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m, path
}

// TestAppendAfterTruncation: in the order in which it was seen to go wrong, and with
// what has to be done.
func TestAppendAfterTruncation(t *testing.T) {
	needResizable(t)
	for _, n := range []int{1, 100, 40_000} {
		m, path := growingLog(t)
		for range 3 {
			if _, err := m.Append(make([]byte, 20_000)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			_, err := m.Append(make([]byte, n))
			wantError(t, err, filemap.ErrBounds)
			wantError(t, err, filemap.ErrTruncated)
			wantFile(t, path, nil)
		}
		wantError(t, m.Sync(), filemap.ErrTruncated)
		if got, err := m.Refresh(); got != 0 || err != nil {
			t.Fatal(got, err)
		}
		if off, err := m.Append([]byte("anew")); off != 0 || err != nil {
			t.Fatal(off, err)
		}
		if err := errors.Join(m.Sync(), m.Close()); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, []byte("anew"))
	}
}

// TestAppendBesideAppend: the second Map to append has the file; the first is told.
func TestAppendBesideAppend(t *testing.T) {
	needResizable(t)
	first, path := growingLog(t)
	if _, err := first.Append([]byte("one ")); err != nil {
		t.Fatal(err)
	}
	second := open(t, path, filemap.ReadWrite, filemap.Reserve(1<<20))
	if off, err := second.Append([]byte("two ")); off != 4 || err != nil {
		t.Fatal(off, err)
	}
	_, err := first.Append([]byte("lost"))
	wantError(t, err, filemap.ErrBounds)
	if n, err := first.Refresh(); n != 8 || err != nil {
		t.Fatal(n, err)
	}
	if off, err := first.Append([]byte("three")); off != 8 || err != nil {
		t.Fatal(off, err)
	}
	_, err = second.Append([]byte("lost"))
	wantError(t, err, filemap.ErrBounds)
	wantError(t, second.Close(), filemap.ErrBounds)
	closeQuietly(t, first)
	wantFile(t, path, []byte("one two three"))
}

// TestReadersOfAnAppendedFile: a Map of a file that another appends to has what was
// appended, when it is opened and after each Refresh, and nothing that is prepared.
func TestReadersOfAnAppendedFile(t *testing.T) {
	m, path := growingLog(t)
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be resized on windows") // nor is it cut while it is mapped
	}
	var want []byte
	reader := open(t, path, filemap.Reserve(1<<20))
	for i := range 500 {
		piece := bytes.Repeat([]byte{0, byte(i)}, 1+i*i%700) // ends in any byte, zero too
		piece = piece[:len(piece)-i%2]
		if _, err := m.Append(piece); err != nil {
			t.Fatal(err)
		}
		want = append(want, piece...)
		if n, err := reader.Refresh(); n != int64(len(want)) || err != nil {
			t.Fatalf("piece %d: %d of %d bytes: %v", i, n, len(want), err)
		}
		if i%100 == 0 {
			late := open(t, path)
			if !bytes.Equal(late.Bytes(), want) {
				t.Fatalf("opened late: %d bytes of %d, or others", late.Len(), len(want))
			}
			closeQuietly(t, late)
		}
	}
	if !bytes.Equal(reader.Bytes(), want) {
		t.Error("other bytes")
	}
	moved, err := reader.Move(2 << 20) // a reader's way to more room
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(moved.Bytes(), want) {
		t.Errorf("moved: %d bytes of %d, or others", moved.Len(), len(want))
	}
	closeQuietly(t, moved)
	if off, err := m.Append([]byte("more")); off != int64(len(want)) || err != nil {
		t.Errorf("after a reader has moved: at %d of %d: %v", off, len(want), err)
	}
}

// TestWholeOfAnAppendedFile: Whole has what was appended.
func TestWholeOfAnAppendedFile(t *testing.T) {
	needResizable(t)
	for _, n := range []int{0, 1, 100, 70_000, 400_000} {
		m, path := growingLog(t)
		if _, err := m.Append(pattern(n)); err != nil {
			t.Fatal(err)
		}
		err := filemap.Whole(path, func(b []byte) error {
			if !bytes.Equal(b, pattern(n)) {
				t.Errorf("%d bytes of %d, or others", len(b), n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// TestTailMovesWhileItIsLookedFor: a reader that has the file's size, and then looks
// for a tail that has gone elsewhere, does not take zeros for what was appended.
func TestTailMovesWhileItIsLookedFor(t *testing.T) {
	needResizable(t)
	for name, between := range map[string]func(m *filemap.Map) error{
		"further": func(m *filemap.Map) error {
			_, err := m.Append(pattern(200_000))
			return err
		},
		"nowhere": (*filemap.Map).Trim,
		"there again": func(m *filemap.Map) error {
			if err := m.Resize(50); err != nil {
				return err
			}
			_, err := m.Append(pattern(50))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, path := growingLog(t)
			if _, err := m.Append(pattern(100)); err != nil {
				t.Fatal(err)
			}
			n, err := filemap.CountedBetween(path, func() {
				if err := between(m); err != nil {
					t.Error(err)
				}
			})
			if n != m.Len() || err != nil {
				t.Errorf("%d bytes, want %d; %v", n, m.Len(), err)
			}
		})
	}
}

// TestRefreshBesideAppend: every length that a reader is told has been appended.
func TestRefreshBesideAppend(t *testing.T) {
	needResizable(t)
	m, path := growingLog(t)
	reader := open(t, path, filemap.Reserve(2<<20))
	var all sync.WaitGroup
	done := make(chan struct{})
	all.Go(func() {
		defer close(done)
		piece := bytes.Repeat([]byte{1}, 1000)
		for i := range 20_000 {
			var err error
			switch {
			case m.Len()+40_000 > m.Reserved():
				return
			case i%100 == 99:
				err = m.Trim()
			default:
				_, err = m.Append(piece)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for last, end := int64(0), false; !end; {
		select {
		case <-done:
			end = true
		default:
		}
		n, err := reader.Refresh()
		if err != nil || n < last || n%1000 != 0 {
			t.Fatalf("%d bytes, after %d; %v", n, last, err)
		}
		if err := filemap.Whole(path, func(b []byte) error {
			if int64(len(b)) < n || len(b)%1000 != 0 || bytes.IndexByte(b, 0) >= 0 {
				return fmt.Errorf("whole has %d bytes, zero at %d", len(b), bytes.IndexByte(b, 0))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		last = n
	}
	all.Wait()
}

// TestTailMeetsALongFile: a file with a tail, opened where a file is made as long as
// the reserve, has zeros behind its bytes.
func TestTailMeetsALongFile(t *testing.T) {
	needResizable(t)
	m, path := growingLog(t)
	if _, err := m.Append(pattern(100)); err != nil {
		t.Fatal(err)
	}
	defer filemap.MapNothingBeyondEnd()()
	again := open(t, path, filemap.ReadWrite, filemap.Reserve(200_000))
	if again.Len() != 100 {
		t.Fatal(again.Len())
	}
	if err := again.Resize(150_000); err != nil {
		t.Fatal(err)
	}
	want := append(pattern(100), make([]byte, 149_900)...)
	if !bytes.Equal(again.Bytes(), want) {
		t.Error("other bytes than zeros")
	}
	closeQuietly(t, again)
	wantFile(t, path, want)
}

// TestAppendWhileTruncatedAndClosed: a fault's diagnosis does not wait for a Close that
// waits for it.
func TestAppendWhileTruncatedAndClosed(t *testing.T) {
	needResizable(t)
	for range 50 {
		m, path := growingLog(t)
		if _, err := m.Append(make([]byte, 5000)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 20 {
					_, err := m.Append(make([]byte, 100))
					if err == nil {
						t.Error("appended to a file that is gone")
					}
				}
			})
		}
		all.Go(func() { _ = m.Close() })
		all.Wait()
	}
}

// TestAppendOfMemoryThatFaults: a fault in what is appended goes to its own Map's
// Guard; and the Map that was appended to can be used and closed.
func TestAppendOfMemoryThatFaults(t *testing.T) {
	needResizable(t)
	page := filemap.PageBytes()
	for _, n := range []int{100, 40_000} {
		m, path := growingLog(t)
		if _, err := m.Append([]byte("before")); err != nil {
			t.Fatal(err)
		}
		source, sourcePath := reserve(t, pattern(20*page))
		stale := source.Bytes()[page:]
		if err := os.Truncate(sourcePath, 10); err != nil {
			t.Fatal(err)
		}
		err := source.Guard(func() error { _, err := m.Append(stale[:n]); return err })
		if err == nil {
			t.Error("memory that is not there was appended")
		}
		if off, err := m.Append([]byte(" after")); off != 6 || err != nil {
			t.Fatal(off, err)
		}
		if err := errors.Join(m.Sync(), m.Close()); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, []byte("before after"))
	}
}

// TestGrownBytesAreZero: what was stored through an old slice to the last page, beyond
// the end, is not there when the end comes.
func TestGrownBytesAreZero(t *testing.T) { bothWays(t, testGrownBytesAreZero) }

func testGrownBytesAreZero(t *testing.T) {
	dirs := []string{t.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "filemap-zero"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		dirs = append(dirs, dir)
	}
	grow := map[string]func(m *filemap.Map) error{
		"resize":          func(m *filemap.Map) error { return m.Resize(4096) },
		"resize by a bit": func(m *filemap.Map) error { return errors.Join(m.Resize(201), m.Resize(4096)) },
		"append":          func(m *filemap.Map) error { _, err := m.Append(make([]byte, 3996)); return err },
		"append much":     func(m *filemap.Map) error { _, err := m.Append(make([]byte, 70_000)); return err },
		"append and trim": func(m *filemap.Map) error {
			_, err := m.Append(make([]byte, 50))
			return errors.Join(err, m.Trim(), m.Resize(4096))
		},
	}
	for _, dir := range dirs {
		for _, flag := range []filemap.Flag{0, filemap.Sparse} {
			for name, grow := range grow {
				path := filepath.Join(dir, "file")
				m, err := filemap.Create(path, 4096, flag, filemap.Overwrite, filemap.Reserve(1<<20))
				skipUnsupported(t, err)
				if err != nil {
					t.Fatal(err)
				}
				stale := m.Bytes()
				if err := m.Resize(100); err != nil {
					t.Fatal(err)
				}
				if err := m.Guard(func() error { stale[200] = 'X'; return nil }); err != nil && !errors.Is(err, filemap.ErrTruncated) {
					t.Fatal(err)
				}
				if err := grow(m); err != nil {
					t.Fatal(err)
				}
				b := make([]byte, 4096)
				if _, err := m.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				if at := bytes.IndexByte(b, 'X'); at >= 0 {
					t.Errorf("%s, %s, %v: byte %d is not zero", dir, name, flag, at)
				}
				closeQuietly(t, m)
			}
		}
	}
}

// TestResizeOfALongerFile: a Resize does not cut off bytes that the Map has not got.
func TestResizeOfALongerFile(t *testing.T) {
	needResizable(t)
	path := writeFile(t, pattern(100))
	m := open(t, path, filemap.ReadWrite, filemap.Reserve(1000))
	defer closeQuietly(t, m)
	if err := os.WriteFile(path, pattern(5000), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := m.Refresh()
	wantError(t, err, filemap.ErrReserved)
	wantError(t, m.Resize(1000), filemap.ErrReserved)
	wantError(t, m.Resize(10), filemap.ErrReserved)
	wantFile(t, path, pattern(5000))
}

// TestSyncOfATruncatedFile: stores to the last page, beyond the end, work and are
// lost; Sync says so.
func TestSyncOfATruncatedFile(t *testing.T) {
	needResizable(t)
	for _, flag := range []filemap.Flag{0, filemap.Unmapped} {
		path := writeFile(t, pattern(4096))
		m := open(t, path, filemap.ReadWrite, flag)
		if err := os.Truncate(path, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := m.WriteAt([]byte("lost"), 2000); err != nil {
			wantError(t, err, filemap.ErrTruncated)
		}
		wantError(t, m.Sync(), filemap.ErrTruncated)
		if err := m.SyncRange(0, 1); err != nil {
			t.Errorf("a Sync of what the file has: %v", err)
		}
		if err := os.Truncate(path, 4096); err != nil {
			t.Fatal(err)
		}
		if err := m.Sync(); err != nil {
			t.Errorf("when it is long again: %v", err)
		}
		closeQuietly(t, m)
	}
}
