package pager

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/filemap-go/filemap/internal/sys"
)

// sparse is a store of any size that keeps the pages that were written, and is
// zeros elsewhere.
type sparse struct {
	zeros
	mu    sync.Mutex
	pages map[int64][]byte
}

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for done := 0; done < len(p); done += sys.PageSize {
		if page := s.pages[off+int64(done)]; page != nil {
			copy(p[done:done+sys.PageSize], page)
		} else {
			clear(p[done : done+sys.PageSize])
		}
	}
	return len(p), nil
}

func (s *sparse) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for done := 0; done < len(p); done += sys.PageSize {
		s.pages[off+int64(done)] = append([]byte(nil), p[done:done+sys.PageSize]...)
	}
	return len(p), nil
}

// needsAddresses skips the test where a mapping cannot be so large.
func needsAddresses(t *testing.T) {
	t.Helper()
	if bits.UintSize < 64 || !sys.Vacates {
		t.Skip("needs 64-bit addresses, and memory that comes as it is touched")
	}
}

// A mapping of 1 TiB is no more on Go's heap than one of a page, and its table
// takes memory as it is used.
func TestTableIsNotOnTheHeap(t *testing.T) {
	needsAddresses(t)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	p := newPager(t, 64, nil)
	before := heap()
	m := mapStore(t, p, zeros{1 << 40}, Options{Mode: Shared})
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	if bound := p.Overhead(); bound > 64<<20 {
		t.Errorf("Overhead is %d bytes with a budget of %d", bound, p.Budget())
	}
	for _, at := range []int64{0, 1 << 39, 1<<40 - 8} {
		if _, err := m.WriteAt([]byte("12345678"), at); err != nil {
			t.Error(err)
		}
		if v, err := m.Uint64(ctx, at); err != nil || v != binary.LittleEndian.Uint64([]byte("12345678")) {
			t.Error(v, err)
		}
	}
	if err := errors.Join(m.Sync(ctx), m.Close()); err != nil {
		t.Error(err)
	}
}

// What does not fit into the address space is refused; what does is mapped, and
// neither Sync nor Close looks at each page of it.
func TestMappingsOfAnySize(t *testing.T) {
	p := newPager(t, 8, nil)
	for _, size := range []int64{1 << 33, 1 << 40, 1 << 46, 1 << 47, 1 << 52, 1 << 60, math.MaxInt64} {
		m, err := p.Map(zeros{size}, Options{Mode: Shared})
		if err != nil {
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes: %v", size, err)
			}
			continue
		}
		if _, err := m.WriteAt([]byte{1}, size-1); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		if err := errors.Join(m.Sync(ctx), m.Close()); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := NewChecksums(1<<62, sys.PageSize); !errors.Is(err, ErrTooLarge) {
		t.Errorf("checksums of 4 EiB: %v", err)
	}
	if _, err := NewChecksums(-1, sys.PageSize); err == nil {
		t.Error("checksums of less than nothing")
	}
}

// The page table is 8 bytes a page, and at most 1 % of that beside it.
func TestTableSize(t *testing.T) {
	if sys.PageSize != 4096 {
		t.Skip("needs pages of 4096 bytes")
	}
	p := newPager(t, 4, nil)
	const pages = 1 << 18
	m := mapStore(t, p, zeros{pages * int64(sys.PageSize)}, Options{})
	table := int(unsafe.Sizeof(m.table[0])) * len(m.table)
	if beside := 8*len(m.chunks) + 4*len(m.blocks); table != 8*pages || beside*100 > table {
		t.Errorf("%d bytes of table and %d beside it for %d pages", table, beside, pages)
	}
}

// countBlocks counts the blocks that have pages, and those that have none and are to
// be given back.
func countBlocks(m *Mapping) (inUse, listed int) {
	for i := range m.blocks {
		w := m.blocks[i].word.Load()
		if w&blockCount != 0 {
			inUse++
		} else if w&blockListed != 0 {
			listed++
		}
	}
	return inUse, listed
}

// Tables of blocks that have no page are given back, but for the latest, and no
// word of them is lost however many come and go at the same time.
func TestBlocksComeAndGo(t *testing.T) {
	needsAddresses(t)
	const blocks, goroutines, frames, idle = 512, 8, 32, 4
	p := newPager(t, frames, nil)
	p.idle.most = idle
	s := &sparse{zeros{int64(blocks * blockPages * uint64(sys.PageSize))}, sync.Mutex{}, map[int64][]byte{}}
	m := mapStore(t, p, s, Options{Mode: Shared})
	steps := 3000
	if testing.Short() {
		steps = 300
	}
	var all sync.WaitGroup
	for i := range int64(goroutines) {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			stored := map[int64]byte{} // of the offsets whose remainder is i
			for range steps {
				page := int64(r.IntN(blocks))*int64(blockPages) + int64(r.IntN(4))
				at := page*int64(sys.PageSize) + i
				b := []byte{stored[at] + 1}
				if r.IntN(2) == 0 {
					if _, err := m.WriteAt(b, at); err != nil {
						t.Error(err)
						return
					}
					stored[at] = b[0]
				}
				if _, err := m.ReadAt(b, at); err != nil && err != io.EOF || b[0] != stored[at] {
					t.Errorf("at %d is %d, stored was %d, %v", at, b[0], stored[at], err)
					return
				}
			}
		})
	}
	all.Wait()
	if n := p.idle.given.Load(); n < uint64(steps)/4 {
		t.Errorf("only %d blocks were given back", n)
	}
	inUse, listed := countBlocks(m)
	// The reclaimer may be about to queue a block that it has emptied.
	for range 100_000 {
		if listed <= idle {
			break
		}
		runtime.Gosched()
		inUse, listed = countBlocks(m)
	}
	if inUse > frames || listed > idle {
		t.Errorf("%d blocks are in use and %d idle: there are %d frames, and %d may be idle", inUse, listed, frames, idle)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	for i := range m.blocks {
		if w := m.blocks[i].word.Load(); w&^blockListed != 0 {
			t.Fatalf("after Close block %d is %#x", i, w)
		}
	}
	if len(p.idle.queue) != 0 {
		t.Errorf("after Close %d blocks are listed", len(p.idle.queue))
	}
}
