package pager

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"

	"github.com/filemap-go/filemap/observe/event"
)

// Pinned is a range of a mapping that is in memory and stays there until Unpin.
type Pinned struct {
	m  *Mapping
	at uint64 // offset; the top bit says that it may be written
	n  int
}

const forWriting = 1 << 63

// Bytes is the range as memory. It is the page itself and not a copy: what is
// stored to it is stored to the page, which must have been pinned by PinWrite.
// After Unpin it must not be used: other bytes may stand there, or zeros.
func (p Pinned) Bytes() []byte {
	if p.m == nil {
		return nil
	}
	at := p.at &^ forWriting
	return p.m.data[at : at+uint64(p.n) : at+uint64(p.n)]
}

// Unpin lets the range go. It must be called once; once too often panics, at
// least when nobody else has the page pinned.
func (p Pinned) Unpin() {
	m := p.m
	if m == nil {
		return
	}
	page := p.at >> m.shift
	if p.at&m.inPage+uint64(p.n) > m.inPage+1 || p.at >= forWriting {
		m.unpinSlow(p)
		return
	}
	m.drop(&m.table[page])
}

// drop takes a reader's pin off. An addition is enough: what is subtracted cannot
// reach another field, unless there was no pin.
func (m *Mapping) drop(c *cell) {
	w := entry(c.word.Add(^uint64(onePin) + 1))
	if w&pinMask == 0 || w&tooManyPins != 0 {
		m.lastUnpin(w)
	}
}

func (m *Mapping) lastUnpin(w entry) {
	if w&tooManyPins != 0 && w.pins() == 1<<pinBits-1 {
		panic("pager: Unpin of a page that is not pinned")
	}
	m.pager.frames.nudge()
}

func (m *Mapping) unpinSlow(p Pinned) {
	write := p.at >= forWriting
	at := p.at &^ forWriting
	m.unpinPages(at>>m.shift, (at+uint64(p.n)-1)>>m.shift+1, write)
	if write && m.gate != nil {
		m.gate.leave()
	}
}

// unpinPages unpins [first, end).
func (m *Mapping) unpinPages(first, end uint64, write bool) {
	for page := first; page < end; page++ {
		if c := &m.table[page]; write {
			m.dropWritten(page, c)
		} else {
			m.drop(c)
		}
	}
}

// dropWritten takes a writer's pin off and says once more that the page is dirty,
// in the same step: a writeback may have begun, and have made it clean, while it
// was still being written to.
func (m *Mapping) dropWritten(page uint64, c *cell) {
	for {
		w := c.load()
		if w.pins() == 0 {
			panic("pager: Unpin of a page that is not pinned")
		}
		if w&slotted != 0 { // the pinning ended before the page was soiled
			if c.swap(w, w&^slotted|dirty) {
				m.chunks.note(page)
				m.pager.swap.forget(m.pageID(page))
			}
			continue
		}
		if !c.swap(w, (w-onePin)|dirty) {
			continue
		}
		if w&dirty == 0 {
			m.chunks.note(page)
		}
		if w.pins() == 1 {
			m.pager.frames.nudge()
		}
		return
	}
}

// hotMask is what must be of a word for its page to be pinned at once.
const (
	hotMask = stateMask | marked | tooManyPins
	hotRead = isResident

	hotMaskWrite = hotMask | dirty
	hotWrite     = isResident | dirty
)

// Pin brings the n bytes at off into memory, if they are not there, and keeps
// them until Unpin. A hit costs two atomic instructions and no lock.
//
// Errors: [ErrBounds]; [ErrClosed]; what the store, or swap, said when a page was
// read, which the next Pin tries again; [ErrCorrupt]; the context's error, which
// ends any wait; [ErrBudget] for more pages than the budget has; and where all of
// the budget is pinned, and the context cannot end, [ErrPinned] after
// Config.PinWait.
func (m *Mapping) Pin(ctx context.Context, off int64, n int) (Pinned, error) {
	at := uint64(off)
	if page := at >> m.shift; n > 0 && page < uint64(len(m.hot)) && at&m.inPage+uint64(n) <= m.inPage+1 && at+uint64(n) <= m.size {
		c := &m.hot[page]
		w := c.load()
		if w&hotMask == hotRead && c.word.CompareAndSwap(uint64(w), uint64((w+onePin)|referenced)) {
			return Pinned{m, at, n}, nil
		}
	}
	return m.pin(ctx, off, n, false)
}

// PinWrite is Pin for storing to the bytes. Whether or not something is stored,
// the pages are dirty. In a Transactional mapping it waits for a Commit that is
// under way.
func (m *Mapping) PinWrite(ctx context.Context, off int64, n int) (Pinned, error) {
	at := uint64(off)
	if page := at >> m.shift; n > 0 && m.gate == nil && page < uint64(len(m.hot)) && at&m.inPage+uint64(n) <= m.inPage+1 && at+uint64(n) <= m.size {
		c := &m.hot[page]
		w := c.load()
		if w&hotMaskWrite == hotWrite && c.word.CompareAndSwap(uint64(w), uint64((w+onePin)|referenced)) {
			return Pinned{m, at | forWriting, n}, nil
		}
	}
	return m.pin(ctx, off, n, true)
}

// pin is Pin and PinWrite for everything that is not a plain hit of one page.
func (m *Mapping) pin(ctx context.Context, off int64, n int, write bool) (Pinned, error) {
	if err := m.within("pin", off, n); err != nil {
		return Pinned{}, err
	}
	if write && !m.writable {
		return Pinned{}, m.fail("pin", off, int64(n), ErrReadOnly)
	}
	if n == 0 {
		return Pinned{}, m.orClosed("pin", nil)
	}
	begun := m.pager.now()
	first, last := uint64(off)>>m.shift, (uint64(off)+uint64(n)-1)>>m.shift
	if last-first >= uint64(m.pager.frames.limit) {
		return Pinned{}, m.fail("pin", off, int64(n), ErrBudget)
	}
	if err := m.pinRange(ctx, first, last, write); err != nil {
		return Pinned{}, m.failPin(off, n, err)
	}
	pinned := Pinned{m, uint64(off), n}
	if write {
		pinned.at |= forWriting
	}
	told := false
	defer func() {
		if !told {
			pinned.Unpin()
		}
	}()
	m.pager.tellAccess(m, begun, off, n, write)
	told = true
	return pinned, nil
}

// failPin makes the *Error of a pin, unless err is one, of whoever read the page.
func (m *Mapping) failPin(off int64, n int, err error) error {
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	return m.fail("pin", off, int64(n), err)
}

// pinning is a range of pages that is being pinned: those before next are.
type pinning struct {
	m                 *Mapping
	first, next, last uint64
	write, mayWait    bool
	done              bool // all are pinned, and stay so
}

// pinRange pins [first, last], all or none, even if a call of the store ends the
// goroutine. Of those who hold pins of a part of their range only one at a time
// may wait for frames: two could wait for each other.
func (m *Mapping) pinRange(ctx context.Context, first, last uint64, write bool) error {
	g := pinning{m: m, first: first, next: first, last: last, write: write, mayWait: first == last}
	if write && m.gate != nil {
		if err := m.gate.enter(ctx); err != nil {
			return err
		}
	}
	defer func() {
		if !g.done && write && m.gate != nil {
			m.gate.leave()
		}
	}()
	err := g.run(ctx)
	if !errors.Is(err, errWouldWait) {
		return err
	}
	select {
	case m.pager.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-m.pager.turn }()
	g.mayWait = true
	return g.run(ctx)
}

// run pins the whole range, or nothing.
func (g *pinning) run(ctx context.Context) error {
	defer func() {
		if !g.done {
			g.m.unpinPages(g.first, g.next, g.write)
			g.next = g.first
		}
	}()
	for g.next <= g.last {
		if err := g.step(ctx); err != nil {
			return err
		}
	}
	g.done = true
	return nil
}

// step pins the next page, and as many of those behind it as one fault brings in,
// or waits for it.
func (g *pinning) step(ctx context.Context) error {
	m, page := g.m, g.next
	c := &m.table[page]
	w := c.load()
	switch w.state() {
	case resident:
		if w&tooManyPins != 0 {
			return ErrPinned
		}
		g.pinResident(c, w)
	case absent, swapped:
		if err := g.fault(ctx); err != nil {
			return err
		}
		for ; page < g.next && g.write; page++ {
			m.soil(page)
		}
	case faulting, evicting:
		begun := m.pager.now()
		if err := m.pager.waits.wait(ctx, page, c); err != nil {
			return err
		}
		m.pager.tell(event.Wait, m, begun, page, 1, g.write)
	}
	return nil
}

// pinResident tries to pin the next page, which is in memory.
func (g *pinning) pinResident(c *cell, w entry) {
	m, page := g.m, g.next
	to := (w + onePin) | referenced
	to &^= marked
	if g.write {
		to = to&^slotted | dirty
	}
	if !c.swap(w, to) {
		return
	}
	g.next++
	m.pager.stats.hit(m.pager.config.CountHits)
	if g.write {
		m.soiled(page, w)
	}
	if w&marked != 0 {
		m.readAhead(page)
	}
}

// soil makes a page that the caller has pinned dirty.
func (m *Mapping) soil(page uint64) {
	c := &m.table[page]
	for {
		w := c.load()
		if c.swap(w, w&^slotted|dirty) {
			m.soiled(page, w)
			return
		}
	}
}

// soiled does what a page's becoming dirty brings with it; w is its word before.
func (m *Mapping) soiled(page uint64, w entry) {
	if w&slotted != 0 { // what swap has is old now
		m.pager.swap.forget(m.pageID(page))
	}
	if w&dirty == 0 {
		m.chunks.note(page)
		m.pager.tell(event.Dirty, m, m.pager.now(), page, 1, true)
	}
}

// peek copies from one resident page without pinning it, and without writing to
// memory that others read: it looks at the word, copies, and looks again. False
// if the page was not there all the time.
func (m *Mapping) peek(p []byte, at uint64) bool {
	page := at >> m.shift
	if page >= uint64(len(m.hot)) {
		return false
	}
	c := &m.hot[page]
	before := c.load()
	if before&(stateMask|marked) != isResident {
		return false
	}
	copy(p, m.data[at:])
	return m.same(c, before)
}

// same tells whether the page that the word before was of is still in its frame.
func (m *Mapping) same(c *cell, before entry) bool {
	after := c.confirm()
	if (before^after)&(stateMask|versionMask) != 0 {
		return false
	}
	if after&referenced == 0 { // tells the policy; the word is written once a lap
		c.word.CompareAndSwap(uint64(after), uint64(after|referenced))
	}
	return true
}

// Uint64 reads 8 bytes at off, little-endian: a hit needs two loads of the page's
// word, no lock, and no write to shared memory. Errors are those of Pin.
func (m *Mapping) Uint64(ctx context.Context, off int64) (uint64, error) {
	at := uint64(off)
	if page := at >> m.shift; page < uint64(len(m.hot)) && at&m.inPage+8 <= m.inPage+1 && at+8 <= m.size {
		c := &m.hot[page]
		before := c.load()
		if before&(stateMask|marked) == isResident {
			v := binary.LittleEndian.Uint64(m.data[at:])
			if m.same(c, before) {
				runtime.KeepAlive(m)
				return v, nil
			}
		}
	}
	pin, err := m.Pin(ctx, off, 8)
	if err != nil {
		return 0, err
	}
	defer pin.Unpin()
	return binary.LittleEndian.Uint64(pin.Bytes()), nil
}
