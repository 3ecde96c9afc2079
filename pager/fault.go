package pager

import (
	"context"
	"sync/atomic"

	"github.com/filemap-go/filemap/observe/event"
)

// maxRun is how many pages one read or write of a store moves at most: 64 pages
// of 4 KiB are 256 KiB, about what one request to a device carries.
const maxRun = 64

// run is pages that one goroutine brings in together, [first, first+count): all
// are faulting, and each has a frame.
type run struct {
	first uint64
	count int
	pins  int    // how many, from the first, are pinned for the caller
	mark  uint64 // this page is marked, if it is one of the run and not 0
}

// fault brings the next page in, pinned, and with it as many of those up to the
// last as one read can. Without any, and without an error: somebody else was
// faster, look again.
//
// A frame is taken first, so that nobody waits for a page whose reader waits for
// memory. Then swap is looked in, then the store.
func (g *pinning) fault(ctx context.Context) error {
	m, p, page := g.m, g.m.pager, g.next
	begun := p.now()
	want := m.missing(page, g.last)
	ahead, mark := m.ahead.fault(page, page+uint64(want), uint64(len(m.table)))
	frames, err := p.acquire(ctx, want, g.mayWait)
	if err != nil {
		return err
	}
	defer func() { p.frames.release(frames) }() // what of them is left
	if ahead > 0 && frames == want {
		frames += p.acquireAhead(ahead)
	}
	if err := m.tasks.begin(ctx); err != nil {
		return err
	}
	r := run{first: page, count: m.claim(page, frames), mark: mark}
	p.frames.release(frames - r.count)
	frames = 0
	if r.count == 0 {
		m.tasks.end()
		return nil
	}
	r.pins = min(want, r.count)
	p.stats.faults.Add(1)
	err = m.fillWithin(ctx, r)
	if err == nil {
		g.next += uint64(r.pins)
	}
	p.stats.faultTime.add(p.now() - begun)
	p.tell(event.Fault, m, begun, page, uint64(r.pins), false)
	return err
}

// missing is how many pages from page to last, page itself included, one read
// could bring in.
func (m *Mapping) missing(page, last uint64) int {
	n := 1
	if m.table[page].load().state() == swapped {
		return n
	}
	for n < maxRun && page+uint64(n) <= last && m.table[page+uint64(n)].load().state() == absent {
		n++
	}
	return n
}

// claim makes up to n pages faulting, as far as they are absent; or one that is
// in swap.
func (m *Mapping) claim(page uint64, n int) int {
	for i := range min(n, len(m.table)-int(page)) {
		c := &m.table[page+uint64(i)]
		w := c.load()
		switch {
		case w.state() == absent:
			if !m.claimAbsent(page + uint64(i)) {
				return i
			}
		case w.state() == swapped && i == 0:
			if !c.swap(w, w.in(faulting)|slotted) {
				return 0
			}
			return 1
		default:
			return i
		}
	}
	return min(n, len(m.table)-int(page))
}

// fillWithin is fill, left alone if the context ends first: what it reads is then
// there for the next who asks.
func (m *Mapping) fillWithin(ctx context.Context, r run) error {
	if ctx.Done() == nil {
		defer m.tasks.end()
		return m.fill(r)
	}
	const delivered, abandoned = 1, 2
	var settled atomic.Int32
	result := make(chan error, 1)
	go func() {
		defer m.tasks.end()
		err := errUnfinished
		defer func() {
			if !settled.CompareAndSwap(0, delivered) && err == nil {
				m.unpinPages(r.first, r.first+uint64(r.pins), false)
			}
			result <- err
		}()
		err = m.fill(r)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		if settled.CompareAndSwap(0, abandoned) {
			return ctx.Err()
		}
		return <-result
	}
}

// fill reads the pages of a run into memory and lets everybody at them. If a read
// of several fails, those that are wanted are tried one by one.
//
// r is at any moment what is still faulting. If the goroutine ends in a call of
// the store (runtime.Goexit), those pages are what they were before, and the
// goroutines that wait for them look again.
func (m *Mapping) fill(r run) error {
	first := r.first
	defer func() {
		if r.count > 0 {
			m.unpinPages(first, r.first, false)
			m.giveUp(r, nil)
		}
	}()
	err := m.readIn(r)
	switch {
	case err == nil:
		m.install(r)
	case r.count == 1 && r.pins == 0: // read ahead: an access that waits for it reads it again
		m.giveUp(r, nil)
	case r.count == 1:
		m.giveUp(r, err)
	default:
		return m.fillSingly(&r)
	}
	r.count = 0
	return err
}

// fillSingly is fill for the pages that are wanted, one by one, up to the first
// that fails. Those behind it were not read: their waiters look again.
func (m *Mapping) fillSingly(r *run) error {
	for ; r.count > r.pins; r.count-- {
		m.giveUp(run{first: r.first + uint64(r.count) - 1, count: 1}, nil)
	}
	for first := r.first; r.count > 0; r.first, r.count = r.first+1, r.count-1 {
		one := run{first: r.first, count: 1, pins: 1}
		err := m.readIn(one)
		if err == nil {
			m.install(one)
			continue
		}
		m.unpinPages(first, one.first, false)
		m.giveUp(one, err)
		m.giveUp(run{first: one.first + 1, count: r.count - 1}, nil)
		r.count = 0
		return err
	}
	return nil
}

// readIn brings the bytes: from swap if they are there, else from the store.
func (m *Mapping) readIn(r run) error {
	p := m.pager
	begun := p.now()
	memory := m.data[r.first<<m.shift : (r.first+uint64(r.count))<<m.shift]
	if w := m.table[r.first].load(); w&slotted != 0 {
		err := p.swap.read(w.slot(), w.sum(), m.pageID(r.first), memory)
		if err != nil {
			return m.fail("swap in", int64(r.first<<m.shift), int64(len(memory)), err)
		}
		p.stats.swappedIn.Add(1)
		p.stats.swapInTime.add(p.now() - begun)
		p.tell(event.SwapIn, m, begun, r.first, 1, false)
		p.swap.keep(m.pageID(r.first), w.slot(), w.sum())
		return nil
	}
	return m.readStore(r, memory)
}

// readStore reads the pages of a run from the store into memory, and verifies them.
func (m *Mapping) readStore(r run, memory []byte) error {
	p := m.pager
	begun := p.now()
	valid := m.valid(r)
	err := m.store.read(memory, m.base+int64(r.first<<m.shift), valid)
	if err == nil {
		err = m.verify(r, memory[:valid])
	}
	if err != nil {
		p.stats.readErrors.Add(1)
		return m.fail("fault", int64(r.first<<m.shift), int64(valid), err)
	}
	p.stats.readBytes.Add(uint64(valid))
	p.stats.reads.Add(1)
	p.stats.readTime.add(p.now() - begun)
	p.tell(event.DeviceRead, m, begun, r.first, uint64(r.count), false)
	return nil
}

// valid is how many bytes of the run belong to the mapping: the last page may end
// beyond it.
func (m *Mapping) valid(r run) int {
	return int(min(uint64(r.count)<<m.shift, m.size-r.first<<m.shift))
}

// install makes the pages of a run resident.
func (m *Mapping) install(r run) {
	p := m.pager
	p.withPolicy(func() {
		for i := range uint64(r.count) {
			p.policy.Added(m.pageID(r.first + i))
		}
	})
	for i := range r.count {
		page := r.first + uint64(i)
		c := &m.table[page]
		from := c.load()
		to := isResident | from&slotted | entry(p.versions.Add(1))
		if i < r.pins {
			to += onePin
		}
		if page == r.mark && page != 0 {
			to |= marked
		}
		c.set(from, to)
		p.waits.finish(page, c, nil)
	}
	if r.pins < r.count {
		p.frames.nudge()
	}
}

// giveUp makes the pages of a run what they were before, and gives their frames
// back; err is for those who waited.
func (m *Mapping) giveUp(r run, err error) {
	gone := make([]victim, r.count)
	for i := range gone {
		gone[i] = victim{m: m, page: r.first + uint64(i)}
		w := m.table[gone[i].page].load()
		gone[i].word = w
		if w&slotted != 0 {
			gone[i].next = inSwap(w.slot(), w.sum())
		}
		gone[i].err = err
	}
	m.pager.depart(gone)
}
