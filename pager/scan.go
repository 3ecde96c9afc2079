package pager

import (
	"context"
	"sync/atomic"

	"github.com/filemap-go/filemap/observe/event"
)

// Long reads in order pass by.
//
// A sequential read of more than the budget makes every page resident that will
// not be wanted again, at the price of one that may be, and of a fault and an
// eviction. So once a stream of ReadAt has gone on for long enough, in a mapping
// larger than the budget, and memory is full (but for the few frames that always
// are free), what it reads next goes through a few buffers that are used again and
// again, and into the caller's memory:
//
//	            ReadAt                    ┌────┬────┬────┬────┐
//	resident ◄── looks here first, then   │ ░░ │ ░░ │ ▒▒ │ ▒▒ │  pieces: ░ read, ▒ being read
//	pages                        here ──► └────┴────┴────┴────┘
//	                                        ▲ several reads of the store under way
//
// Databases know this as a ring of buffers for scans (PostgreSQL: buffer access
// strategy). A page that is resident, or in swap, or of which there is anything
// else than "absent" in its word, is never taken from a piece.
//
// Why a piece is not stale: what a page of it has become since must be written to
// the store before the page is absent again, and whoever writes says so afterwards
// (wrote). A piece whose reading began before the last of these is not used.
type scan struct {
	m    *Mapping
	turn chan struct{} // held by the one who reads from it, or ends it
	used atomic.Bool   // since another stream asked for its place

	end    uint64 // the page behind the last piece
	pieces []*piece
	ended  bool
}

// piece is consecutive pages of a scan, in a buffer.
type piece struct {
	run
	buffer []byte
	writes uint64        // Mapping.writes when its reading began
	done   chan struct{} // closed when it has been read, or not
	err    error
}

const (
	scanBytes = 8 << 20 // of all pieces
	scanPiece = 1 << 20
)

// initScans allows at most an eighth of the budget for pieces. With fewer than two
// there are no scans.
func (p *Pager) initScans(budget int64) {
	all := min(budget/8, scanBytes)
	piece := min(all/4, scanPiece) &^ (int64(p.pageBytes) - 1)
	piece = max(piece, int64(p.pageBytes))
	p.pieces.init(int(piece), int(all/piece), true)
}

// wrote is told that the store was written, as far as it was.
func (m *Mapping) wrote() { m.writes.Add(1) }

// scanMin is how many pages a stream of a mapping of that many bytes must have gone
// on for, until it becomes a scan; 0: it never does.
func (p *Pager) scanMin(length int64) uint64 {
	if p.config.ScanBytes < 0 || p.pieces.count < 2 || length <= p.Budget() {
		return 0
	}
	return max(uint64(p.config.ScanBytes)>>p.shift, 1)
}

// scanned copies the beginning of p from the pieces of the scan that is at the
// offset at, if there is one, and returns how much: 0 for pages that must be pinned.
func (m *Mapping) scanned(ctx context.Context, p []byte, at uint64) (int, error) {
	if m.scanMin == 0 {
		return 0, nil
	}
	page := at >> m.shift
	c := &m.table[page]
	if c.load().state() == faulting { // read ahead: it may turn out to be marked
		if err := m.pager.waits.wait(ctx, page, c); err != nil {
			return 0, m.failPin(int64(at), len(p), err)
		}
	}
	m.maybeScan(page)
	if s := m.scan.Load(); s != nil && c.load().state() == absent {
		return s.copyTo(ctx, p, at), nil
	}
	return 0, nil
}

// copyTo is scanned, of pages of which the first was absent.
func (s *scan) copyTo(ctx context.Context, p []byte, at uint64) int {
	m, page := s.m, at>>s.m.shift
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	defer func() { <-s.turn }()
	if s.ended {
		return 0
	}
	one := s.reach(page)
	if one == nil {
		return 0
	}
	select {
	case <-one.done:
	case <-ctx.Done():
		return 0
	}
	begun := m.pager.now()
	n := 0
	if wanted := m.absentFrom(page, one.first+uint64(one.count), at+uint64(len(p))); one.err == nil && wanted > at {
		if one.writes != m.writes.Load() {
			s.endLocked()
			return 0
		}
		n = copy(p, one.buffer[at-one.first<<m.shift:wanted-one.first<<m.shift])
	}
	if n == 0 {
		s.endLocked() // the fault that comes now tells why
		return 0
	}
	s.used.Store(true)
	m.pager.tellAccess(m, begun, int64(at), n, false)
	if at+uint64(n) >= (one.first+uint64(one.count))<<m.shift || at+uint64(n) >= m.size {
		s.reach((at + uint64(n)) >> m.shift)
	}
	return n
}

// absentFrom is the offset up to which pages from page on are absent, at most that
// of the page end, nor more than most bytes or the mapping has.
func (m *Mapping) absentFrom(page, end, most uint64) uint64 {
	for most > page<<m.shift && page < end && m.table[page].load().state() == absent {
		page++
	}
	return min(page<<m.shift, most, m.size)
}

// reach lets go of the pieces before page, has others read instead, and returns
// the one that page is in. nil: the scan has not come, or has been, there. The
// caller has the turn.
func (s *scan) reach(page uint64) *piece {
	if len(s.pieces) == 0 || page < s.pieces[0].first || page > s.end {
		return nil
	}
	for len(s.pieces) > 0 && s.pieces[0].first+uint64(s.pieces[0].count) <= page {
		s.pieces[0].release(s.m.pager)
		s.pieces = s.pieces[1:]
	}
	s.readOn()
	if len(s.pieces) == 0 {
		s.endLocked()
		return nil
	}
	if page < s.pieces[0].first {
		return nil
	}
	return s.pieces[0]
}

// readOn begins to read what follows, as far as there are buffers. The caller has
// the turn.
func (s *scan) readOn() {
	m, pieces := s.m, &s.m.pager.pieces
	for s.end < uint64(len(m.table)) {
		buffer := pieces.take()
		if buffer == nil {
			return
		}
		if !m.tasks.tryBegin() {
			pieces.put(buffer)
			return
		}
		count := min(uint64(len(buffer))>>m.shift, uint64(len(m.table))-s.end)
		one := &piece{run: run{first: s.end, count: int(count)}, buffer: buffer, writes: m.writes.Load(), done: make(chan struct{}), err: errUnfinished}
		s.pieces = append(s.pieces, one)
		s.end += count
		go func() {
			defer m.tasks.end()
			defer close(one.done)
			one.err = m.readStore(one.run, one.buffer[:one.count<<m.shift])
			m.pager.stats.passed.Add(uint64(one.count))
		}()
	}
}

// release gives the buffer back, when nobody reads into it any more.
func (one *piece) release(p *Pager) {
	select {
	case <-one.done:
		p.pieces.put(one.buffer)
	default:
		go func() {
			<-one.done
			p.pieces.put(one.buffer)
		}()
	}
}

// maybeScan makes a scan of a stream that has come to page, where its next window
// is to be read ahead, if it has gone on for long enough. There is one a mapping;
// one that nobody has read from lately is replaced.
func (m *Mapping) maybeScan(page uint64) {
	p := m.pager
	c := &m.table[page]
	w := c.load()
	if w&marked == 0 || w.state() != resident || p.frames.free() > p.frames.limit/8 {
		return
	}
	if s := m.scan.Load(); s != nil && s.used.Swap(false) {
		return
	}
	begun := p.now()
	first, ok := m.ahead.handOver(page, m.scanMin)
	if !ok || first >= uint64(len(m.table)) {
		return
	}
	c.swap(w, w&^marked) // if it has changed meanwhile, its mark leads to no stream
	s := &scan{m: m, turn: make(chan struct{}, 1), end: first}
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if old := m.scan.Swap(s); old != nil {
		old.endSoon()
	}
	s.readOn()
	if len(s.pieces) == 0 {
		s.endLocked()
		return
	}
	p.tell(event.Readahead, m, begun, first, s.end-first, false)
}

// endSoon ends a scan that others may be reading from.
func (s *scan) endSoon() {
	go func() {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		s.endLocked()
	}()
}

// endLocked gives all buffers back. The caller has the turn.
func (s *scan) endLocked() {
	s.ended = true
	s.m.scan.CompareAndSwap(s, nil)
	for _, one := range s.pieces {
		one.release(s.m.pager)
	}
	s.pieces = nil
}

// endScan ends the mapping's scan, at Close.
func (m *Mapping) endScan() {
	if s := m.scan.Load(); s != nil {
		s.turn <- struct{}{}
		defer func() { <-s.turn }()
		s.endLocked()
	}
}
