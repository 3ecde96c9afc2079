package store_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap/pager/store"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), 1}).Read(b)
	return b
}

// makers are the stores, each of size bytes, that the same tests go over.
var makers = map[string]func(t testing.TB, content []byte) store.Store{
	"memory": func(_ testing.TB, content []byte) store.Store { return store.NewMemoryOf(bytes.Clone(content)) },
	"faulty": func(t testing.TB, content []byte) store.Store {
		f, err := store.NewFaulty(store.NewMemoryOf(bytes.Clone(content)))
		must(t, err)
		return f
	},
	"direct": func(t testing.TB, content []byte) store.Store { return file(t, content, store.Options{Write: true}) },
	"no ring": func(t testing.TB, content []byte) store.Store {
		return file(t, content, store.Options{Write: true, NoRing: true})
	},
	"buffered": func(t testing.TB, content []byte) store.Store {
		return file(t, content, store.Options{Write: true, Buffered: true})
	},
}

func file(t testing.TB, content []byte, o store.Options) *store.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, content, 0o644))
	f, err := store.Open(path, o)
	must(t, err)
	t.Cleanup(func() {
		if err := f.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	})
	return f
}

func forEach(t *testing.T, content []byte, do func(t *testing.T, s store.Store)) {
	for name, make := range makers {
		t.Run(name, func(t *testing.T) { do(t, make(t, content)) })
	}
}

// Whole pages, a tail, beyond the end; aligned and not.
func TestReadAt(t *testing.T) {
	content := random(1, 5*4096+1234)
	size := int64(len(content))
	forEach(t, content, func(t *testing.T, s store.Store) {
		for _, c := range []struct {
			off int64
			n   int
		}{
			{0, 4096},
			{4096, 4 * 4096},
			{0, 0},
			{4 * 4096, 8192},
			{5 * 4096, 4096},
			{0, 1 << 16},
			{6 * 4096, 4096},
			{1 << 20, 4096},
			{100, 4096},
			{4096, 100},
			{size - 1, 1},
			{size - 1, 2},
			{size, 1},
		} {
			for _, shift := range []int{0, 1} {
				p := aligned(c.n + 8192)[shift:][:c.n]
				n, err := s.ReadAt(p, c.off)
				want := content[min(c.off, size):min(c.off+int64(c.n), size)]
				if !bytes.Equal(p[:n], want) {
					t.Errorf("%d bytes at %d, shifted by %d: got %d, not %d or others", c.n, c.off, shift, n, len(want))
				}
				if n == c.n && err != nil || n < c.n && err != io.EOF {
					t.Errorf("%d bytes at %d: %d, %v", c.n, c.off, n, err)
				}
			}
		}
		if n, err := s.ReadAt(aligned(4096), -4096); n != 0 || !errors.Is(err, store.ErrBounds) {
			t.Errorf("before the begin: %d, %v", n, err)
		}
		if n, err := s.WriteAt(aligned(4096), -4096); n != 0 || !errors.Is(err, store.ErrBounds) {
			t.Errorf("written before the begin: %d, %v", n, err)
		}
	})
}

// Writes and reads of any size and place, from one goroutine, are those of a
// slice.
func TestModel(t *testing.T) {
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				const size = 6*4096 + 77
				model := random(2, size)
				s := make(t, model)
				if c, ok := s.(io.Closer); ok {
					defer c.Close()
				}
				for range rapid.IntRange(1, 20).Draw(r, "steps") {
					off, n := int64(rapid.IntRange(0, size-1).Draw(r, "off")), rapid.IntRange(0, 9000).Draw(r, "n")
					if rapid.Bool().Draw(r, "pages") {
						off, n = off&^4095, (n+4095)&^4095
					}
					n = min(n, size-int(off))
					p := aligned(n + 4096)[:n]
					switch rapid.IntRange(0, 3).Draw(r, "what") {
					case 0:
						must(t, s.Sync())
					case 1:
						copy(p, random(rapid.Uint64().Draw(r, "seed"), n))
						copy(model[off:], p)
						if got, err := s.WriteAt(p, off); got != n || err != nil {
							r.Fatalf("write: %d of %d, %v", got, n, err)
						}
					default:
						if got, err := s.ReadAt(p, off); got != n || err != nil || !bytes.Equal(p, model[off:off+int64(n)]) {
							r.Fatalf("read: %d of %d at %d, %v, or other bytes", got, n, off, err)
						}
					}
				}
				if got, err := s.Size(); got != size || err != nil {
					r.Fatalf("size %d, %v", got, err)
				}
			})
		})
	}
}

// Many at once, more than a ring holds: everyone gets its own page.
func TestManyGoroutines(t *testing.T) {
	const pages, goroutines, rounds = 512, 400, 20
	content := random(3, pages*4096)
	forEach(t, content, func(t *testing.T, s store.Store) {
		var all sync.WaitGroup
		for g := range goroutines {
			all.Go(func() {
				p := aligned(4096)
				for i := range rounds {
					page := (g + i*37) % pages
					if g%2 == 0 { // even goroutines read odd pages, which nobody writes
						page |= 1
						n, err := s.ReadAt(p, int64(page)*4096)
						if n != 4096 || err != nil || !bytes.Equal(p, content[page*4096:][:4096]) {
							t.Errorf("page %d: %d, %v, or other bytes", page, n, err)
							return
						}
						continue
					}
					page &^= 1
					copy(p, content[page*4096:][:4096])
					if n, err := s.WriteAt(p, int64(page)*4096); n != 4096 || err != nil {
						t.Errorf("page %d: %d, %v", page, n, err)
						return
					}
				}
			})
		}
		all.Wait()
		got := aligned(len(content))
		if n, err := s.ReadAt(got, 0); n != len(content) || err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d, %v, or other bytes", n, err)
		}
	})
}

// A buffer on the goroutine's stack, which moves while the read is under way.
func TestBufferOnStack(t *testing.T) {
	content := random(4, 256*4096)
	f := file(t, content, store.Options{})
	var all sync.WaitGroup
	for g := range 64 {
		all.Go(func() {
			var p [512]byte
			for i := range 50 {
				off := int64(g*16+i) * 512
				if n, err := f.ReadAt(p[:], off); n != 512 || err != nil || !bytes.Equal(p[:], content[off:off+512]) {
					t.Errorf("at %d: %d, %v, or other bytes", off, n, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must(t, os.WriteFile(path, nil, 0o644))
	for _, c := range []struct {
		path string
		o    store.Options
		is   error
		says string
	}{
		{filepath.Join(dir, "missing"), store.Options{}, fs.ErrNotExist, "store: open "},
		{dir, store.Options{}, store.ErrNotRegular, "only a regular file can be a store"},
		{path, store.Options{Create: true}, nil, "need Write"},
		{path, store.Options{Size: 4096}, nil, "need Write"},
		{path, store.Options{Write: true, Size: -1}, store.ErrBounds, "outside the store"},
	} {
		f, err := store.Open(c.path, c.o)
		if err == nil {
			f.Close()
		}
		var e *store.Error
		if !errors.As(err, &e) || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s, %+v: %v", c.path, c.o, err)
		}
	}
}

func TestReadOnlyAndClosed(t *testing.T) {
	f := file(t, random(5, 4096), store.Options{})
	p := aligned(4096)
	if _, err := f.WriteAt(p, 0); !errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), "store: write "+f.Path()+" [0, 4096): read-only (open it with") {
		t.Error(err)
	}
	must(t, f.Close())
	_, readErr := f.ReadAt(p, 0)
	_, writeErr := f.WriteAt(p, 0)
	_, sizeErr := f.Size()
	for _, err := range []error{readErr, writeErr, sizeErr, f.Sync(), f.Close()} {
		if !errors.Is(err, store.ErrClosed) {
			t.Error(err)
		}
	}
}

// Create, size, write behind the end, and again what was there.
func TestCreateAndGrow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := store.Open(path, store.Options{Write: true, Create: true, Size: 8192})
	must(t, err)
	p := aligned(8192)
	copy(p, random(6, 8192))
	for _, n := range []int{8192, 5000} {
		if got, err := f.WriteAt(p[:n], 1<<16); got != n || err != nil {
			t.Fatal(got, err)
		}
	}
	must(t, f.Sync())
	size, err := f.Size()
	must(t, errors.Join(err, f.Close()))
	if size != 1<<16+8192 {
		t.Errorf("%d bytes", size)
	}
	got, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got[1<<16:], p) || !bytes.Equal(got[:1<<16], make([]byte, 1<<16)) {
		t.Error("other bytes")
	}
}

// Memory does not grow.
func TestMemoryBounds(t *testing.T) {
	m := store.NewMemory(100)
	if n, err := m.WriteAt(make([]byte, 2), 99); n != 0 || !errors.Is(err, store.ErrBounds) {
		t.Error(n, err)
	}
}

// While the file is open a read that a close overtakes ends with an error or the
// data, and the close waits for it.
func TestCloseMeanwhile(t *testing.T) {
	content := random(7, 64*4096)
	for range 20 {
		f := file(t, content, store.Options{})
		var all sync.WaitGroup
		for g := range 32 {
			all.Go(func() {
				p := aligned(4096)
				for i := 0; ; i++ {
					page := (g*7 + i) % 64
					_, err := f.ReadAt(p, int64(page)*4096)
					if errors.Is(err, store.ErrClosed) {
						return
					}
					if err != nil || !bytes.Equal(p, content[page*4096:][:4096]) {
						t.Errorf("page %d: %v, or other bytes", page, err)
						return
					}
				}
			})
		}
		must(t, f.Close())
		all.Wait()
	}
}
