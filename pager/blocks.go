package pager

import (
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// Where the page table lies, and what becomes of it.
//
// A mapping's page table is not on Go's heap, where 1 TiB of addresses would be
// 2 GiB of it, at once, and let the garbage collector wait for as much again. It
// lies behind the pages in the mapping's own region, whose memory comes page by
// page as it is touched:
//
//	region   ┌──────────────────────────────────┬───────────┬────────┬────────┐
//	         │ pages                            │ cells     │ blocks │ chunks │
//	         └──────────────────────────────────┴───────────┴────────┴────────┘
//	a block    └ 512 of them, 2 MiB ─┘            └ 4 KiB ─┘  └ 1 word
//
// Touched memory would stay. Random accesses to a large mapping would so take
// 4 KiB of cells, and 4 KiB of the kernel's own page tables, for every 2 MiB of it.
// So the table is kept in blocks, each of a page of cells. A block counts its cells
// that are not absent. Of the blocks without any, the latest are kept, since their
// pages may come again; the memory of the others is given back, cells and the
// kernel's tables.
//
//	          a page comes (enter)            the last page left (leave)
//	no memory ───────────────────► in use ───────────────────────────► idle
//	    ▲                            ▲    a page comes (enter)          │ │
//	    │                            └──────────────────────────────────┘ │
//	    └───────────────── the oldest of too many (give back) ────────────┘
//
// Nobody changes a cell that is absent without having entered its block, and none
// can be entered while it is given back: no change is lost. A cell that is only
// looked at is absent before, meanwhile and afterwards.
type block struct{ word atomic.Uint32 }

const (
	blockCount  = 1<<30 - 1 // cells that are not absent
	blockListed = 1 << 30   // it is in the queue of idle blocks
	blockGiven  = 1 << 31   // it is being given back
)

// blockPages is how many cells a page of the system's memory has.
var blockPages = uint64(sys.PageSize) / 8

// idleBytes is how much the tables of blocks without a page may take.
const idleBytes = 8 << 20

// idleBlocks is a queue of blocks that had no page when they came to it.
type idleBlocks struct {
	mu    sync.Mutex
	queue []idleBlock // the oldest first
	most  int
	given atomic.Uint64 // how many were given back
}

type idleBlock struct {
	m     *Mapping
	index uint64
}

// blockBytes is what a block's tables take at most: its cells, and the kernel's
// tables of its pages.
func (p *Pager) blockBytes() int64 { return int64(sys.PageSize + p.pageBytes) }

func (p *Pager) initBlocks() { p.idle.most = int(max(idleBytes/p.blockBytes(), 1)) }

// layout is where the parts of a mapping's region begin, in bytes, and its length.
type layout struct{ pages, cells, blocks, chunks, end uint64 }

// layoutOf lays out a region for so many pages. Pages begin where a page of the
// kernel's tables does: slack is how far that may be from the region's begin.
func (p *Pager) layoutOf(pages, slack uint64) (l layout) {
	whole := func(n uint64) uint64 { return (n + uint64(sys.PageSize) - 1) &^ (uint64(sys.PageSize) - 1) }
	l.pages = slack
	l.cells = l.pages + pages<<p.shift
	l.blocks = l.cells + whole(pages*8)
	l.chunks = l.blocks + whole(blocksOf(pages)*4)
	l.end = l.chunks + whole(chunkWords(pages)*8)
	return l
}

func blocksOf(pages uint64) uint64 { return (pages + blockPages - 1) / blockPages }

// reserveTables takes addresses for the pages and their tables. The memory behind
// them comes page by page, as they are written to: no huge pages, which would
// bring 512 at once.
func (m *Mapping) reserveTables(pages uint64) error {
	p := m.pager
	slack := uint64(0)
	if blocksOf(pages) > 1 {
		slack = uint64(sys.TableSpan - sys.PageSize)
	}
	l := p.layoutOf(pages, slack)
	region, err := sys.MapAnonymous(int(l.end), sys.ProtRead|sys.ProtWrite, false)
	if err != nil {
		if sys.NoMemory(err) {
			err = fmt.Errorf("%w: %w", ErrTooLarge, err)
		}
		return err
	}
	// Best effort: systems without the advice have no such pages to fear.
	_ = region.Advise(sys.NoHugePage, 0, region.Len())
	if slack > 0 {
		l = p.layoutOf(pages, -uint64(region.Addr())&uint64(sys.TableSpan-1))
	}
	bytes := region.Bytes()
	m.region, m.at = region, l
	m.data = bytes[l.pages:l.cells:l.cells]
	m.table = sys.View[cell](bytes[l.cells:][:pages*8])
	m.blocks = sys.View[block](bytes[l.blocks:][:blocksOf(pages)*4])
	m.chunks = sys.View[atomic.Uint64](bytes[l.chunks:][:chunkWords(pages)*8])
	// Addresses are given back when nobody can reach the mapping any more: until
	// then those that read without a pin may be looking at them.
	runtime.AddCleanup(m, func(r sys.Region) { _ = r.Release() }, region)
	return nil
}

// enter counts a page that is about to be not absent any more.
func (m *Mapping) enter(page uint64) {
	b := &m.blocks[page/blockPages]
	for {
		w := b.word.Load()
		if w&blockGiven != 0 {
			m.pager.idle.await(b)
			continue
		}
		if b.word.CompareAndSwap(w, w+1) {
			return
		}
	}
}

// leave is told that a page is absent, or has not become anything else.
func (m *Mapping) leave(page uint64) {
	index := page / blockPages
	b := &m.blocks[index]
	for {
		w := b.word.Load()
		if w&blockCount == 0 {
			panic("pager: a block has lost count of its pages")
		}
		to := w - 1
		if to == 0 && sys.Vacates {
			to = blockListed
		}
		if !b.word.CompareAndSwap(w, to) {
			continue
		}
		if to == blockListed && w&blockListed == 0 {
			m.pager.idle.add(m, index)
		}
		return
	}
}

// claimAbsent makes an absent page faulting, if it is one.
func (m *Mapping) claimAbsent(page uint64) bool {
	m.enter(page)
	if m.table[page].swap(0, entry(0).in(faulting)) {
		return true
	}
	m.leave(page)
	return false
}

// setAbsent makes a page that belongs to the caller, with this word, absent.
func (m *Mapping) setAbsent(page uint64, from entry) {
	m.table[page].set(from, 0)
	m.leave(page)
}

// occupied are the pages of all blocks that have one that is not absent.
func (m *Mapping) occupied() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range m.blocks {
			if m.blocks[i].word.Load()&blockCount == 0 {
				continue
			}
			first := uint64(i) * blockPages
			for page := first; page < min(first+blockPages, uint64(len(m.table))); page++ {
				if !yield(page) {
					return
				}
			}
		}
	}
}

// add queues a block, and gives the oldest back when there are too many.
func (q *idleBlocks) add(m *Mapping, index uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m.tablesGone {
		return
	}
	q.queue = append(q.queue, idleBlock{m, index})
	if len(q.queue) <= q.most {
		return
	}
	n := max(q.most/16, 1)
	for _, one := range q.queue[:n] {
		one.giveBackLocked(q)
	}
	q.queue = slices.Delete(q.queue, 0, n)
}

// await waits until a block that is being given back has been.
func (q *idleBlocks) await(b *block) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b.word.Load()&blockGiven != 0 {
		panic("pager: nobody gives a block back that is marked so")
	}
}

// giveBackLocked gives the tables of a block back, unless it has a page again.
func (one idleBlock) giveBackLocked(q *idleBlocks) {
	b := &one.m.blocks[one.index]
	for {
		w := b.word.Load()
		if w != blockListed {
			if b.word.CompareAndSwap(w, w&^blockListed) {
				return
			}
			continue
		}
		if b.word.CompareAndSwap(w, blockGiven) {
			break
		}
	}
	one.m.vacateBlocks(one.index, one.index+1)
	q.given.Add(1)
	b.word.Store(0)
}

// vacateBlocks gives the tables of blocks back that have no page. Best effort: if
// the system has no room for what it needs to do so, it keeps them.
func (m *Mapping) vacateBlocks(first, end uint64) {
	pages := uint64(len(m.table))
	from, to := first*blockPages, min(end*blockPages, pages)
	if !invariants { // which keep junk where a page was
		_ = sys.Vacate(sys.Range{Region: m.region, Off: int(m.at.pages + from<<m.shift), N: int((to - from) << m.shift)})
	}
	off, next := m.at.cells+first*uint64(sys.PageSize), min(m.at.cells+end*uint64(sys.PageSize), m.at.blocks)
	_ = sys.Decommit([]sys.Range{{Region: m.region, Off: int(off), N: int(next - off)}})
}

// vacateTables gives all of the tables of a mapping that is closed back.
func (m *Mapping) vacateTables() {
	q := &m.pager.idle
	q.mu.Lock()
	defer q.mu.Unlock()
	m.tablesGone = true
	q.queue = slices.DeleteFunc(q.queue, func(one idleBlock) bool { return one.m == m })
	if sys.Vacates && len(m.table) > 0 {
		m.vacateBlocks(0, uint64(len(m.blocks)))
	}
}

// tableBytes is what the tables of mappings may take: those of the blocks that can
// be in use or idle at a time, and, of every mapping, all of the rest, which is a
// few bytes a MiB: blocks, chunks, and the upper levels of the kernel's tables.
// The caller holds p.mu.
func (p *Pager) tableBytes() int64 {
	const perMapping = 8 // pages of the kernel's tables that only a part is used of
	total, blocks := int64(0), int64(0)
	upper := int64(sys.TableSpan) * int64(blockPages)
	for _, m := range p.mappings {
		total += perMapping*int64(sys.PageSize) + int64(m.at.end-m.at.blocks) + 2*int64(sys.PageSize)*(int64(m.at.end)/upper+1)
		blocks += int64(len(m.blocks))
	}
	if sys.Vacates {
		most := p.frames.limit + int64(p.idle.most) + throughMax
		if p.swap != nil {
			most += int64(p.swap.slots)
		}
		blocks = min(blocks, most)
	}
	return total + blocks*p.blockBytes()
}
