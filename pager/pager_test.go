package pager

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

var ctx = context.Background()

// patterned is a store in which every 8 bytes say where they stand.
func patterned(pages int) []byte {
	b := make([]byte, pages*sys.PageSize)
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(i))
	}
	return b
}

// newPager makes a pager of that many frames that is closed with the test.
func newPager(t testing.TB, frames int, change func(*Config)) *Pager {
	t.Helper()
	c := Config{Budget: int64(frames * sys.PageSize)}
	if change != nil {
		change(&c)
	}
	p, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if used := p.frames.used.Load(); used != 0 {
			t.Errorf("%d frames are in use after Close", used)
		}
		if p.swap != nil && p.swap.free != p.swap.slots {
			t.Errorf("%d slots are taken after Close", p.swap.slots-p.swap.free)
		}
	})
	return p
}

func mapStore(t testing.TB, p *Pager, s store.Store, o Options) *Mapping {
	t.Helper()
	m, err := p.Map(s, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A mapping much larger than the budget is read right, by one and by many, and
// never has more frames than the budget.
func TestReadBeyondBudget(t *testing.T) {
	const pages = 512
	want := patterned(pages)
	want = want[:len(want)-1000] // the last page is short
	p := newPager(t, 16, nil)
	m := mapStore(t, p, store.NewMemoryOf(want), Options{})
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			buf := make([]byte, 3*sys.PageSize)
			for range 2000 {
				off := rand.IntN(len(want))
				n := 1 + rand.IntN(len(buf))
				got, err := m.ReadAt(buf[:n], int64(off))
				end := min(off+n, len(want))
				if end < off+n && err != io.EOF || end == off+n && err != nil {
					t.Errorf("reading %d at %d: %v", n, off, err)
					return
				}
				if !bytes.Equal(buf[:got], want[off:end]) {
					t.Errorf("wrong bytes at %d", off)
					return
				}
				if used := p.frames.used.Load(); used > 16 {
					t.Errorf("%d frames", used)
				}
			}
		})
	}
	g.Wait()
}

// Stores to a shared mapping reach the store: by reclaim, by Sync, by Close.
func TestSharedWriteback(t *testing.T) {
	const pages = 256
	s := store.NewMemory(pages * int64(sys.PageSize))
	p := newPager(t, 16, nil)
	m := mapStore(t, p, s, Options{Mode: Shared})
	want := patterned(pages)
	var g sync.WaitGroup
	for i := range 4 {
		g.Go(func() {
			for page := i; page < pages; page += 4 {
				at := page * sys.PageSize
				if _, err := m.WriteAt(want[at:at+sys.PageSize], int64(at)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	g.Wait()
	if err := m.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := s.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Fatal("the store has not what was stored and synced: ", err)
	}
	if _, err := m.WriteAt([]byte("last"), 5000); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadAt(got[:4], 5000); err != nil || string(got[:4]) != "last" {
		t.Fatalf("after Close the store has %q, %v", got[:4], err)
	}
	if _, err := m.Pin(ctx, 0, 1); !errors.Is(err, ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
}

// Stores to a private mapping go to swap and come back, and never to the store.
func TestPrivateSwaps(t *testing.T) {
	const pages = 256
	original := patterned(pages)
	s := store.NewMemoryOf(bytes.Clone(original))
	p := newPager(t, 16, func(c *Config) {
		c.Swap = Swap{Bytes: pages * int64(sys.PageSize), Path: filepath.Join(t.TempDir(), "swap")}
	})
	m := mapStore(t, p, s, Options{Mode: Private})
	want := bytes.Clone(original)
	for i := range 4000 {
		off := rand.IntN(len(want) - 8)
		binary.LittleEndian.PutUint64(want[off:], uint64(i))
		if _, err := m.WriteAt(want[off:off+8], int64(off)); err != nil {
			t.Fatal(err)
		}
		off = rand.IntN(len(want) - 8)
		var b [8]byte
		if _, err := m.ReadAt(b[:], int64(off)); err != nil || !bytes.Equal(b[:], want[off:off+8]) {
			t.Fatalf("wrong bytes at %d: %v", off, err)
		}
	}
	got := make([]byte, len(original))
	if _, err := s.ReadAt(got, 0); err != nil || !bytes.Equal(got, original) {
		t.Fatal("the store was changed")
	}
	if st := p.Stats(); st.SwapInPages == 0 || st.SwapOutPages == 0 || st.Writes != 0 {
		t.Fatalf("swapped out %d, in %d, wrote %d", st.SwapOutPages, st.SwapInPages, st.Writes)
	}
}

func BenchmarkPin(b *testing.B) {
	p := newPager(b, 256, nil)
	m := mapStore(b, p, store.NewMemoryOf(patterned(128)), Options{Mode: Shared})
	pin := func(b *testing.B, write bool) {
		sum := uint64(0)
		for i := 0; b.Loop(); i++ {
			off := int64(i*8*67) & (128*4096 - 8)
			var pin Pinned
			var err error
			if write {
				pin, err = m.PinWrite(ctx, off, 8)
			} else {
				pin, err = m.Pin(ctx, off, 8)
			}
			if err != nil {
				b.Fatal(err)
			}
			sum += binary.LittleEndian.Uint64(pin.Bytes())
			pin.Unpin()
		}
		_ = sum
	}
	b.Run("Read", func(b *testing.B) { pin(b, false) })
	b.Run("Write", func(b *testing.B) { pin(b, true) })
	b.Run("Uint64", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if _, err := m.Uint64(ctx, int64(i*8*67)&(128*4096-8)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ReadAt", func(b *testing.B) {
		var buf [8]byte
		for i := 0; b.Loop(); i++ {
			if _, err := m.ReadAt(buf[:], int64(i*8*67)&(128*4096-8)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(1000); pb.Next(); i++ {
				pin, err := m.Pin(ctx, int64(i*8*67)&(128*4096-8), 8)
				if err != nil {
					b.Fatal(err)
				}
				pin.Unpin()
			}
		})
	})
}

// A real file whose last page is short is read and written to its last byte, and
// stays as long as it was, whatever the size of a page.
func TestFileOfOddSize(t *testing.T) {
	for _, pageBytes := range []int{sys.PageSize, 4 * sys.PageSize} {
		for _, odd := range []int{1, 511, 512, sys.PageSize - 1} {
			path := filepath.Join(t.TempDir(), "file")
			want := patterned(37)[:36*sys.PageSize+odd]
			if err := os.WriteFile(path, want, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(path, store.Options{Write: true})
			if err != nil {
				t.Fatal(err)
			}
			p := newPager(t, 16, func(c *Config) { c.PageBytes = pageBytes })
			m := mapStore(t, p, s, Options{Mode: Shared})
			got := make([]byte, len(want)+10)
			if n, err := m.ReadAt(got, 0); n != len(want) || err != io.EOF || !bytes.Equal(got[:n], want) {
				t.Fatalf("read %d of %d, %v", n, len(want), err)
			}
			for _, at := range []int{len(want) - 1, 36*sys.PageSize - 1, 5} {
				want[at] ^= 0xff
				if _, err := m.WriteAt(want[at:at+1], int64(at)); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.Sync(ctx); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(p.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("pages of %d, %d bytes in the last: the file has %d bytes, %v", pageBytes, odd, len(got), err)
			}
		}
	}
}
