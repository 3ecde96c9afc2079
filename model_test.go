package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap"
)

// machine drives a Map and a plain file at once with random operations, beside a
// model that is a slice: the file's bytes, and the mapping's where it is private.
type machine struct {
	path    string
	file    []byte // what the file holds
	private []byte // what a private mapping sees, when one is open
	begin   int
	m       *filemap.Map
}

func (s *machine) seen() []byte {
	if s.m.Mode() == filemap.Private {
		return s.private
	}
	return s.file[s.begin : s.begin+int(s.m.Len())]
}

func (s *machine) needOpen(t *rapid.T) {
	if s.m == nil {
		t.Skip("nothing is mapped")
	}
}

// span draws a range that is inside of n bytes, at an edge of them, or across.
func span(t *rapid.T, n int) (off, length int) {
	off = rapid.IntRange(0, n+5).Draw(t, "off")
	length = rapid.IntRange(0, max(n-off, 0)+5).Draw(t, "length")
	return off, length
}

// Open maps a random range in a random mode.
func (s *machine) Open(t *rapid.T) {
	if s.m != nil {
		t.Skip("mapped")
	}
	mode := rapid.SampledFrom([]filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private}).Draw(t, "mode")
	off, n := span(t, len(s.file))
	m, err := filemap.Open(s.path, mode, filemap.Range(int64(off), int64(n)))
	if off > len(s.file) || n > len(s.file)-off {
		if !errors.Is(err, filemap.ErrBounds) {
			t.Fatalf("a range beyond the file: %v", err)
		}
		return
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s.m, s.begin = m, off
	s.private = bytes.Clone(s.file[off : off+n])
}

// Close unmaps, and checks that nothing works any more.
func (s *machine) Close(t *rapid.T) {
	s.needOpen(t)
	if err := s.m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.m.ReadAt(nil, 0); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
	s.m = nil
}

func (s *machine) ReadAt(t *rapid.T) {
	s.needOpen(t)
	off, n := span(t, int(s.m.Len()))
	p := make([]byte, n)
	got, err := s.m.ReadAt(p, int64(off))
	want := s.seen()[min(off, len(s.seen())):]
	want = want[:min(n, len(want))]
	if !bytes.Equal(p[:got], want) || (got < n) != errors.Is(err, io.EOF) || (got == n && err != nil) {
		t.Fatalf("%d bytes at %d of %d: %d, %v", n, off, s.m.Len(), got, err)
	}
}

func (s *machine) WriteAt(t *rapid.T) {
	s.needOpen(t)
	off, n := span(t, int(s.m.Len()))
	p := rapid.SliceOfN(rapid.Byte(), min(n, 9000), min(n, 9000)).Draw(t, "bytes")
	got, err := s.m.WriteAt(p, int64(off))
	if s.m.Mode() == filemap.ReadOnly {
		if got != 0 || !errors.Is(err, filemap.ErrReadOnly) {
			t.Fatalf("stored to a read-only mapping: %d, %v", got, err)
		}
		return
	}
	want := min(len(p), max(int(s.m.Len())-off, 0))
	if got != want || (err == nil) != (got == len(p)) || (err != nil && !errors.Is(err, filemap.ErrBounds)) {
		t.Fatalf("%d bytes to %d of %d: %d, %v", len(p), off, s.m.Len(), got, err)
	}
	copy(s.seen()[min(off, len(s.seen())):], p)
}

func (s *machine) Store(t *rapid.T) {
	s.needOpen(t)
	off := int64(rapid.IntRange(-1, int(s.m.Len())).Draw(t, "off"))
	v := rapid.Uint16().Draw(t, "v")
	err := filemap.Store(s.m, off, v)
	got, loadErr := filemap.Load[uint16](s.m, off)
	inside := off >= 0 && off+2 <= s.m.Len()
	if inside != (loadErr == nil) || (inside && s.m.Mode() != filemap.ReadOnly) != (err == nil) {
		t.Fatalf("store at %d: %v; load: %v", off, err, loadErr)
	}
	if err == nil {
		if got != v {
			t.Fatalf("stored %d, loaded %d", v, got)
		}
		copy(s.seen()[off:], s.m.Bytes()[off:off+2])
	}
}

// WriteFile changes the file beside the mapping. A private mapping may or may not
// see that, so it is left alone then.
func (s *machine) WriteFile(t *rapid.T) {
	if s.m != nil && s.m.Mode() == filemap.Private || len(s.file) == 0 {
		t.Skip("unspecified for private mappings")
	}
	if s.m != nil && s.m.Backing() == filemap.Copied {
		t.Skip("a copy does not follow")
	}
	off := rapid.IntRange(0, len(s.file)-1).Draw(t, "off")
	p := rapid.SliceOfN(rapid.Byte(), 1, min(100, len(s.file)-off)).Draw(t, "bytes")
	f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(p, int64(off)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	copy(s.file[off:], p)
}

// Steer gives orders that change nothing that can be seen.
func (s *machine) Steer(t *rapid.T) {
	s.needOpen(t)
	off, n := span(t, int(s.m.Len()))
	o, l := int64(off), int64(n)
	inside := o <= s.m.Len() && l <= s.m.Len()-o
	for name, err := range map[string]error{
		"sync":      ignore(s.m.SyncRange(o, l), filemap.ErrPrivate),
		"writeback": ignore(s.m.StartWriteback(o, l), filemap.ErrPrivate),
		"advise":    s.m.Advise(filemap.Random, o, l),
		"populate":  s.m.Populate(context.Background(), o, l, nil),
		"lock":      s.m.Lock(o, l),
		"unlock":    s.m.Unlock(o, l),
	} {
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if inside && err != nil {
			t.Fatalf("%s of %d at %d: %v", name, n, off, err)
		}
		if !inside && !errors.Is(err, filemap.ErrBounds) && s.m.Mode() != filemap.Private {
			t.Fatalf("%s of %d at %d beyond the mapping: %v", name, n, off, err)
		}
	}
}

// Check compares everything after every step.
func (s *machine) Check(t *rapid.T) {
	if s.m != nil && !bytes.Equal(s.m.Bytes(), s.seen()) {
		t.Fatal("the mapping's bytes are not the model's")
	}
	onDisk, err := os.ReadFile(s.path)
	if err != nil || !bytes.Equal(onDisk, s.file) {
		t.Fatalf("the file's bytes are not the model's (%v)", err)
	}
}

// TestModel is the property that a Map is a slice of the file's bytes, whatever
// is done to it and in whatever order.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom([]int{0, 1, 100, 4096, 10_000, 65536, 140_001}).Draw(rt, "size")
		s := &machine{path: filepath.Join(dir, "file"), file: pattern(size)}
		if err := os.WriteFile(s.path, s.file, 0o644); err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if s.m != nil {
				closeQuietly(t, s.m)
			}
		}()
		rt.Repeat(map[string]func(*rapid.T){
			"": s.Check, "Open": s.Open, "Close": s.Close, "ReadAt": s.ReadAt, "WriteAt": s.WriteAt,
			"Store": s.Store, "WriteFile": s.WriteFile, "Steer": s.Steer,
		})
	})
}
