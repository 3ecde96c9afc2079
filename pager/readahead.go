package pager

import (
	"sync"

	"github.com/filemap-go/filemap/observe/event"
)

// Reading ahead.
//
// A mapping remembers up to 16 places where its faults have stopped. A fault that
// begins exactly where another ended makes a stream: its window, from 4 pages,
// doubles every time up to the most that is allowed. Random faults practically
// never meet such a place, so nothing is read ahead for them.
//
//	         read, used       window being used     window being read
//	───────┬────────────────┬─────────────────────┬──────────────────────┬────
//	       │                │▲                    │▲                     │
//	───────┴────────────────┴┼────────────────────┴┼─────────────────────┴────
//	                         │                     └ marked
//	                         └ was marked: whoever came here had the next read
//
// The first page of each window is marked in its word. The access that meets the
// mark has the next window read, by goroutines of their own, so that there is
// always one window in flight while another is used.
type readahead struct {
	max int // pages; 0 is off

	mu      sync.Mutex
	streams [16]stream
	oldest  int // the next to be forgotten
}

type stream struct {
	begin  uint64 // the page that it was first noticed at
	next   uint64 // the page behind what was read, 0 of a free place
	window int    // pages; 0 until a second fault came
	mark   uint64
}

const firstWindow = 4

func (a *readahead) init(pages int) { a.max = pages }

// fault is told that [page, end) is being brought in. It returns how many pages
// to read behind them in the same run, and which page to mark.
func (a *readahead) fault(page, end, pages uint64) (ahead int, mark uint64) {
	if a.max < firstWindow {
		return 0, 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.streams {
		s := &a.streams[i]
		if s.next != page || page == 0 {
			continue
		}
		s.grow(a.max)
		ahead = int(min(uint64(s.window), uint64(maxRun), pages-end))
		s.mark, s.next = end, end+uint64(ahead)
		return ahead, end
	}
	a.rememberLocked(page, end)
	return 0, 0
}

func (a *readahead) rememberLocked(page, end uint64) {
	a.streams[a.oldest] = stream{begin: page, next: end}
	a.oldest = (a.oldest + 1) % len(a.streams)
}

// expects tells whether a fault of that page would go on a stream, and remembers it
// as the begin of one if it would not.
func (a *readahead) expects(page uint64) bool {
	if a.max < firstWindow {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.streams {
		if a.streams[i].next == page && page != 0 {
			return true
		}
	}
	a.rememberLocked(page, page+1)
	return false
}

func (s *stream) grow(most int) {
	s.window = min(max(2*s.window, firstWindow), most)
}

// marked is told that the marked page was met. It returns the window to read, of
// which the first page is to be marked.
func (a *readahead) marked(page, pages uint64) (first uint64, count int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.streams {
		s := &a.streams[i]
		if s.mark != page || s.next <= page {
			continue
		}
		s.grow(a.max)
		first = s.next
		count = int(min(uint64(s.window), pages-min(first, pages)))
		s.mark, s.next = first, first+uint64(count)
		return first, count
	}
	return 0, 0
}

// handOver is told that the marked page was met, and forgets its stream if that
// has gone on for at least so many pages: whoever asked reads on at next.
func (a *readahead) handOver(page, least uint64) (next uint64, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.streams {
		s := &a.streams[i]
		if s.mark == page && s.next > page && page-s.begin >= least {
			next = s.next
			*s = stream{}
			return next, true
		}
	}
	return 0, false
}

// readAhead reads the window that follows a marked page.
func (m *Mapping) readAhead(page uint64) {
	begun := m.pager.now()
	first, count := m.ahead.marked(page, uint64(len(m.table)))
	if count == 0 {
		return
	}
	m.pager.tell(event.Readahead, m, begun, first, uint64(count), false)
	m.bringIn(first, count, first)
}

// bringIn has absent pages of [first, first+count) read, a goroutine for each run
// of them, as far as there are frames for them. It does not wait.
func (m *Mapping) bringIn(first uint64, count int, mark uint64) (begun int) {
	end := min(first+uint64(count), uint64(len(m.table)))
	for page := first; page < end; {
		if s := m.table[page].load().state(); s != absent {
			page++
			continue
		}
		n := m.missing(page, end-1)
		frames := m.pager.acquireAhead(n)
		if frames == 0 || !m.tasks.tryBegin() {
			m.pager.frames.release(frames)
			return begun
		}
		r := run{first: page, count: m.claim(page, frames), mark: mark}
		m.pager.frames.release(frames - r.count)
		m.pager.stats.ahead.Add(uint64(r.count))
		go func() {
			defer m.tasks.end()
			if r.count > 0 {
				_ = m.fill(r) // whoever accesses the page reads it again, and is told
			}
		}()
		begun += r.count
		page += uint64(max(r.count, 1))
	}
	return begun
}

// acquireAhead takes up to n frames for pages that nobody waits for: what is
// free, or can be made free, now.
func (p *Pager) acquireAhead(n int) int {
	got := int(p.frames.try(int64(n)))
	if got < n {
		held := got
		defer func() { p.frames.release(held) }() // the store may end the goroutine
		if freed, _ := p.reclaim(n - got); freed > 0 {
			got += int(p.frames.try(int64(n - got)))
		}
		held = 0
	}
	if p.frames.free() < p.frames.low {
		p.kick()
	}
	return got
}

// Prefetch begins to read the pages of [off, off+n) that are neither in memory
// nor in swap, and does not wait for them. It returns how many bytes it has begun
// to read: less than was asked for where pages are there already, or the budget
// has no room, and never more than half of the budget at once. A page that cannot
// be read is an error of its access only.
func (m *Mapping) Prefetch(off, n int64) (int64, error) {
	if n < 0 || off < 0 || uint64(off) > m.size || uint64(n) > m.size-uint64(off) {
		return 0, m.within("prefetch", off, int(min(n, 1<<30)))
	}
	if n == 0 {
		return 0, m.orClosed("prefetch", nil)
	}
	first := uint64(off) >> m.shift
	count := (uint64(off)+uint64(n)-1)>>m.shift - first + 1
	count = min(count, uint64(max(m.pager.frames.limit/2, 1)))
	begun := m.bringIn(first, int(count), 0)
	return int64(begun) << m.shift, m.orClosed("prefetch", nil)
}
