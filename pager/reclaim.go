package pager

import (
	"slices"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/pager/policy"
)

// reclaimBatch is how many pages leave together: one system call gives all of
// their memory back.
const reclaimBatch = 64

// victim is a page that is about to leave: it is evicting (or, after a failed
// read, faulting), and belongs to whoever holds the victim.
type victim struct {
	m    *Mapping
	page uint64
	word entry // as it is now
	next entry // as it will be without memory: 0, absent, or its slot
	err  error // why it cannot leave, or what those who wait for it are told
}

// kick has the background reclaim.
func (p *Pager) kick() {
	select {
	case p.kicks <- struct{}{}:
	default:
	}
}

// reclaimInBackground keeps some frames free, so that faults need not wait.
func (p *Pager) reclaimInBackground() {
	for {
		select {
		case <-p.stop:
			return
		case <-p.kicks:
		}
		p.keepFree()
	}
}

// keepFree reclaims until enough frames are free. A call of a store may end its
// goroutine, and the background's must not end.
func (p *Pager) keepFree() {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for p.frames.free() < p.frames.high {
			freed, _ := p.reclaim(int(min(reclaimBatch, p.frames.high-p.frames.free())))
			if freed == 0 {
				return // pinned, or cannot be written: faults will say so
			}
		}
	}()
	<-ended
}

// directReclaim is what a fault does that found no frame.
func (p *Pager) directReclaim(want int) (int, error) {
	p.stats.directReclaims.Add(1)
	if !p.config.DirectOnly {
		want = max(want, int(min(p.frames.limit/16, reclaimBatch/4)))
	}
	return p.reclaim(want)
}

// reclaim makes up to n frames free. When none could be, it is because all pages
// are pinned or busy, which is no error, or because of the error.
//
//  1. The policy chooses pages; each is claimed as it is chosen.
//  2. Those that are dirty are written: to the store, or to swap.
//  3. Their memory is given back, all in one call.
//  4. Their words say where they are now; their frames are free.
func (p *Pager) reclaim(n int) (int, error) {
	begun := p.now()
	c := chooser{p: p}
	for {
		victims := c.choose(n)
		if len(victims) == 0 {
			return 0, c.blocked
		}
		left, err := p.clean(victims)
		p.depart(left)
		if len(left) > 0 {
			p.stats.evictions.Add(uint64(len(left)))
			p.stats.reclaimTime.add(p.now() - begun)
			p.tell(event.Reclaim, left[0].m, begun, left[0].page, uint64(len(left)), false)
			return len(left), nil
		}
		c.unwritable = err
	}
}

// chooser has the policy choose, and answers its questions. A page is claimed
// when it is called idle, so that nobody can pin it between the answer and the
// choice.
type chooser struct {
	p          *Pager
	claimed    []victim
	unwritable error // dirty pages could not be written: only clean ones can leave
	blocked    error // why a page that is not pinned was called busy
}

// chooseMisses is how many pages may be pinned between their choice and their
// claim before a search ends.
const chooseMisses = 16

// choose claims up to n pages: they are evicting.
func (c *chooser) choose(n int) (victims []victim) {
	c.p.policyMu.Lock()
	defer c.p.policyMu.Unlock()
	for misses := 0; len(victims) < n && misses < chooseMisses; {
		id, ok := c.p.policy.Victim(c.ask)
		if !ok {
			break
		}
		v, ok := c.take(id)
		if !ok {
			misses++
			continue
		}
		victims = append(victims, v)
	}
	return victims
}

func (c *chooser) ask(id policy.Page) policy.State {
	m, page := c.p.find(id)
	cell := &m.table[page]
	for {
		w := cell.load()
		switch {
		case w.state() == evicting && slices.ContainsFunc(c.claimed, func(v victim) bool { return v.m == m && v.page == page }):
			return policy.Idle
		case w.state() != resident || w.pins() > 0 || c.mustStay(m, w):
			return policy.Busy
		case w&referenced != 0:
			if cell.swap(w, w&^referenced) {
				return policy.Referenced
			}
		default:
			if to := w.in(evicting); cell.swap(w, to) {
				c.claimed = append(c.claimed, victim{m: m, page: page, word: to})
				return policy.Idle
			}
		}
	}
}

// mustStay tells whether a page could not be written, and notes why.
func (c *chooser) mustStay(m *Mapping, w entry) bool {
	switch {
	case w&dirty == 0:
		return false
	case c.unwritable != nil:
		c.blocked = c.unwritable
		return true
	case m.mode != Shared && c.p.swap.full():
		c.blocked = ErrSwapFull
		return true
	}
	return false
}

// take returns the page that the policy chose, claimed, and lets go of others
// that it only asked about. It may choose one that was called referenced.
func (c *chooser) take(id policy.Page) (chosen victim, ok bool) {
	for _, v := range c.claimed {
		if v.m.pageID(v.page) == id {
			chosen, ok = v, true
			continue
		}
		v.m.table[v.page].set(v.word, v.word.in(resident))
		c.p.waits.finish(v.page, &v.m.table[v.page], nil)
	}
	c.claimed = c.claimed[:0]
	if ok {
		return chosen, true
	}
	m, page := c.p.find(id)
	cell := &m.table[page]
	w := cell.load()
	if to := w.in(evicting); w.state() == resident && w.pins() == 0 && !c.mustStay(m, w) && cell.swap(w, to) {
		return victim{m: m, page: page, word: to}, true
	}
	c.p.policy.Added(id) // it was pinned or changed meanwhile
	return victim{}, false
}

// find is the page that the policy calls id. The caller holds policyMu.
func (p *Pager) find(id policy.Page) (*Mapping, uint64) {
	return p.mappings[uint64(id)>>pageIDBits], uint64(id) & (1<<pageIDBits - 1)
}

// clean writes what must be written before the pages can leave, and returns those
// that can. The others are resident again, and the error says why.
func (p *Pager) clean(victims []victim) ([]victim, error) {
	written := false
	defer func() {
		if !written {
			p.stay(victims)
		}
	}()
	var toStore, toSwap, left []victim
	for _, v := range victims {
		switch {
		case v.word&dirty == 0:
			left = append(left, v)
		case v.m.mode == Shared:
			toStore = append(toStore, v)
		default:
			toSwap = append(toSwap, v)
		}
	}
	err := p.writeOut(toStore)
	if swapErr := p.swapOut(toSwap); err == nil {
		err = swapErr
	}
	written = true
	for i := range left {
		if v := &left[i]; v.word&slotted != 0 {
			kept := p.swap.unkeep(v.m.pageID(v.page))
			v.next = inSwap(kept.slot, kept.sum)
		}
	}
	var stay []victim
	for _, v := range append(toStore, toSwap...) {
		if v.err != nil {
			stay = append(stay, v)
		} else {
			left = append(left, v)
		}
	}
	p.stay(stay)
	return left, err
}

// stay makes pages that were to leave resident again.
func (p *Pager) stay(victims []victim) {
	if len(victims) == 0 {
		return
	}
	p.withPolicy(func() {
		for _, v := range victims {
			p.policy.Added(v.m.pageID(v.page))
		}
	})
	p.unclaim(victims)
}

// unclaim makes pages that were evicting resident again, as they were.
func (p *Pager) unclaim(victims []victim) {
	for _, v := range victims {
		c := &v.m.table[v.page]
		c.set(v.word, v.word.in(resident))
		p.waits.finish(v.page, c, nil)
	}
	p.frames.nudge()
}

// depart gives the memory of pages back, then their frames, and lets others at
// the pages. The order is what makes the budget a bound: a frame is free only
// when its memory is.
func (p *Pager) depart(victims []victim) {
	if len(victims) == 0 {
		return
	}
	begun := p.now()
	p.decommit(victims)
	for i := range victims {
		v := &victims[i]
		v.m.table[v.page].set(v.word, v.next)
	}
	p.frames.release(len(victims))
	for i := range victims {
		v := &victims[i]
		p.waits.finish(v.page, &v.m.table[v.page], v.err)
	}
	for i := range victims {
		if v := &victims[i]; v.next == 0 {
			v.m.leave(v.page)
		}
	}
	for i := range victims { // last: the listener may end the goroutine
		if v := &victims[i]; v.word.state() == evicting {
			p.tell(event.Evict, v.m, begun, v.page, 1, false)
		}
	}
}

// decommit gives the pages' memory back. If the system cannot, the frames would
// be free and the memory not: that is how a bound is lost silently, and the
// kernel has no reason to refuse, so it panics.
func (p *Pager) decommit(victims []victim) {
	if invariants {
		for _, v := range victims {
			junk(v.m.data[v.page<<v.m.shift : (v.page+1)<<v.m.shift])
		}
		return
	}
	ranges := make([]sys.Range, 0, reclaimBatch)
	for _, v := range victims {
		off, n := int(v.m.at.pages+v.page<<v.m.shift), p.pageBytes
		if last := len(ranges) - 1; last >= 0 && ranges[last].Region == v.m.region && ranges[last].Off+ranges[last].N == off {
			ranges[last].N += n
			continue
		}
		ranges = append(ranges, sys.Range{Region: v.m.region, Off: off, N: n})
	}
	if err := sys.Decommit(ranges); err != nil {
		panic("pager: memory cannot be given back: " + err.Error())
	}
}

// junk is what invariants leave where a page was.
func junk(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}
