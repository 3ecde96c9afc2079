package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap"
)

// machine drives a Map, and its file beside it as another process would, with
// random operations, and a model of both: slices of what they must hold.
type machine struct {
	path    string
	file    []byte // what the file holds
	private []byte // what a private mapping sees, when one is open
	begin   int
	lost    error // what an access beyond the file's end is
	m       *filemap.Map
}

func (s *machine) needOpen(t *rapid.T) {
	if s.m == nil {
		t.Skip("nothing is mapped")
	}
}

// readable are the bytes of the mapping that can be had, in the model: a private
// mapping's own; else the file's, and zeros up to the end of its last page. It
// ends early where the file has become too short.
func (s *machine) readable() []byte {
	if s.m.Mode() == filemap.Private {
		return s.private
	}
	b := bytes.Clone(s.file[min(s.begin, len(s.file)):])
	if page := filemap.PageBytes(); s.m.Backing() == filemap.Mapped {
		end := (len(s.file) + page - 1) / page * page
		b = append(b, make([]byte, max(end-max(s.begin, len(s.file)), 0))...)
	}
	return b[:min(len(b), int(s.m.Len()))]
}

func (s *machine) truncated() bool { return s.begin+int(s.m.Len()) > len(s.file) }

// store changes the model as a store to the mapping does.
func (s *machine) store(off int, p []byte) {
	if s.m.Mode() == filemap.Private {
		copy(s.private[min(off, len(s.private)):], p)
		return
	}
	window := s.file[min(s.begin, len(s.file)):]
	window = window[:min(len(window), int(s.m.Len()))]
	copy(window[min(off, len(window)):], p)
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
	flags := filemap.Flag(0)
	if mode != filemap.Private {
		flags = rapid.SampledFrom([]filemap.Flag{0, 0, filemap.NoDescriptor, filemap.Unmapped, filemap.Populated}).Draw(t, "flags")
	}
	off, n := span(t, len(s.file))
	m, err := filemap.Open(s.path, mode, flags, filemap.Range(int64(off), int64(n)))
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
	s.m, s.begin, s.lost = m, off, filemap.ErrTruncated
	if flags == filemap.NoDescriptor {
		s.lost = filemap.ErrIO // it cannot know better
	}
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
	want := s.readable()
	want = want[min(off, len(want)):]
	want = want[:min(n, len(want))]
	if !bytes.Equal(p[:got], want) {
		t.Fatalf("%d bytes at %d of %d: got %d, want %d (%v)", n, off, s.m.Len(), got, len(want), err)
	}
	var wantErr error
	switch {
	case got < n && off+got < int(s.m.Len()):
		wantErr = s.lost
	case got < n:
		wantErr = io.EOF
	}
	if !errors.Is(err, wantErr) || (wantErr == nil && err != nil) {
		t.Fatalf("%d bytes at %d of %d: %v, want %v", n, off, s.m.Len(), err, wantErr)
	}
}

func (s *machine) View(t *rapid.T) {
	s.needOpen(t)
	off, n := span(t, int(s.m.Len()))
	var got []byte
	err := s.m.View(int64(off), int64(n), func(b []byte) error { got = bytes.Clone(b); return nil })
	want := s.readable()
	switch {
	case off > int(s.m.Len()) || n > int(s.m.Len())-off:
		if !errors.Is(err, filemap.ErrBounds) {
			t.Fatalf("beyond the mapping: %v", err)
		}
	case n > 0 && off+n > len(want):
		if !errors.Is(err, s.lost) {
			t.Fatalf("beyond the file: %v", err)
		}
	case err != nil || !bytes.Equal(got, want[min(off, len(want)):][:n]):
		t.Fatalf("%d bytes at %d: %d wrong ones, %v", n, off, len(got), err)
	}
}

func (s *machine) WriteAt(t *rapid.T) {
	s.needOpen(t)
	off, n := span(t, int(s.m.Len()))
	p := rapid.SliceOfN(rapid.Byte(), min(n, 9000), min(n, 9000)).Draw(t, "bytes")
	if s.m.Mode() == filemap.ReadWrite && s.begin+off+len(p) > len(s.file) && s.truncated() {
		t.Skip("what becomes of bytes behind the end of a file's last page is not specified")
	}
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
	s.store(off, p)
}

func (s *machine) Store(t *rapid.T) {
	s.needOpen(t)
	off := rapid.IntRange(-1, int(s.m.Len())).Draw(t, "off")
	if off >= 0 && s.begin+off+2 > len(s.file) && s.truncated() {
		t.Skip("what becomes of bytes behind the end of a file's last page is not specified")
	}
	v := rapid.Uint16().Draw(t, "v")
	err := filemap.Store(s.m, int64(off), v)
	got, loadErr := filemap.Load[uint16](s.m, int64(off))
	inside := off >= 0 && off+2 <= int(s.m.Len())
	if inside != (loadErr == nil) || (inside && s.m.Mode() != filemap.ReadOnly) != (err == nil) {
		t.Fatalf("store at %d: %v; load: %v", off, err, loadErr)
	}
	if err == nil {
		if got != v {
			t.Fatalf("stored %d, loaded %d", v, got)
		}
		p := make([]byte, 2)
		if _, err := s.m.ReadAt(p, int64(off)); err != nil {
			t.Fatal(err)
		}
		s.store(off, p)
	}
}

// needFollower skips what a mapping may or may not see: a private one, or a copy.
func (s *machine) needFollower(t *rapid.T) {
	if s.m != nil && (s.m.Mode() == filemap.Private || s.m.Backing() == filemap.Copied) {
		t.Skip("unspecified for private mappings and copies")
	}
}

// WriteFile changes the file beside the mapping.
func (s *machine) WriteFile(t *rapid.T) {
	s.needFollower(t)
	if len(s.file) == 0 {
		t.Skip("the file is empty")
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

// Resize makes the file shorter or longer beside the mapping.
func (s *machine) Resize(t *rapid.T) {
	s.needFollower(t)
	if runtime.GOOS == "windows" && s.m != nil {
		t.Skip("a mapped file cannot be resized on windows")
	}
	size := rapid.IntRange(0, 150_000).Draw(t, "size")
	if err := os.Truncate(s.path, int64(size)); err != nil {
		t.Fatal(err)
	}
	s.file = append(s.file[:min(size, len(s.file))], make([]byte, max(size-len(s.file), 0))...)
}

// Steer gives orders that change nothing that can be seen.
func (s *machine) Steer(t *rapid.T) {
	s.needOpen(t)
	off, n := span(t, int(s.m.Len()))
	o, l := int64(off), int64(n)
	inside := o <= s.m.Len() && l <= s.m.Len()-o
	for name, err := range map[string]error{
		"sync":      ignore(s.m.SyncRange(o, l), filemap.ErrPrivate),
		"writeback": ignore(ignore(s.m.StartWriteback(o, l), filemap.ErrPrivate), filemap.ErrNoFile),
		"advise":    s.m.Advise(filemap.Random, o, l),
		"populate":  s.m.Populate(context.Background(), o, l, nil),
		"lock":      s.m.Lock(o, l),
		"unlock":    s.m.Unlock(o, l),
	} {
		if errors.Is(err, errors.ErrUnsupported) || (s.truncated() && errors.Is(err, s.lost)) {
			continue
		}
		if inside && err != nil {
			t.Fatalf("%s of %d at %d: %v", name, n, off, err)
		}
		if !inside && !errors.Is(err, filemap.ErrBounds) && s.m.Mode() != filemap.Private && err != nil {
			t.Fatalf("%s of %d at %d beyond the mapping: %v", name, n, off, err)
		}
	}
}

// Check compares everything after every step.
func (s *machine) Check(t *rapid.T) {
	if s.m != nil {
		want := s.readable()
		got := make([]byte, len(want))
		if n, err := s.m.ReadAt(got, 0); n != len(want) || err != nil || !bytes.Equal(got, want) {
			t.Fatalf("the mapping's bytes are not the model's (%d of %d, %v)", n, len(want), err)
		}
		if b := s.m.Bytes(); b != nil && !bytes.Equal(b[:len(want)], want) {
			t.Fatal("the mapping's slice is not the model's")
		}
	}
	onDisk, err := os.ReadFile(s.path)
	if err != nil || !bytes.Equal(onDisk, s.file) {
		t.Fatalf("the file's bytes are not the model's (%v)", err)
	}
}

// TestModel is the property that a Map is a slice of the file's bytes, whatever
// is done to it and to the file, in whatever order. FILEMAP_MODEL_SECONDS makes
// it go on for so long.
func TestModel(t *testing.T) {
	seconds, _ := strconv.Atoi(os.Getenv("FILEMAP_MODEL_SECONDS"))
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for again := true; again && !t.Failed(); again = time.Now().Before(end) {
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
				"": s.Check, "Open": s.Open, "Close": s.Close, "ReadAt": s.ReadAt, "View": s.View, "WriteAt": s.WriteAt,
				"Store": s.Store, "WriteFile": s.WriteFile, "Resize": s.Resize, "Steer": s.Steer,
			})
		})
	}
}
