package pager

import (
	"context"
	"errors"
	"math/bits"
	"sync/atomic"

	"github.com/filemap-go/filemap/pager/policy"
)

// Which pages are let into memory.
//
// To make a page resident costs more than to read it: another has to leave, the
// processor's tables change twice, and other processors hear of it. For a page
// that is read once that buys nothing. So when memory is full, a ReadAt of a whole
// page that was not missed lately either is read through a buffer into the
// caller's memory, and the page stays absent; it is let in at its second miss:
//
//	ReadAt, a whole page ──► resident? ──► missed lately? ──► let in (fault.go)
//	                            │ yes         │ no
//	                            ▼             ▼
//	                          copy      read, copy, note the miss
//
// The misses that are remembered are up to half as many as there are frames, as 2Q
// advises: a page that comes again before so many others is let in. This is the
// idea of the queues of ghosts in 2Q and S3-FIFO, and of admission in TinyLFU
// (Einziger, Friedman, Manes: TinyLFU: A Highly Efficient Cache Admission Policy,
// ACM Transactions on Storage 13(4), 2017), before any policy: whatever that one
// is, it never sees a page that came once.
//
// A read of less than a page is always let in, since more of the page will be
// wanted; so is whatever is pinned, and what is part of a stream.
type admission struct {
	missed []atomic.Uint32 // by a hash of the page: the rest of the hash
	shift  uint

	buffers buffers // of a page, for reads that are under way
}

// throughMax is how many reads go through buffers at a time, and throughBytes how
// much memory these take; other reads are let in.
const (
	throughMax   = 128
	throughBytes = 1 << 20
)

func (a *admission) init(frames int64, pageBytes int) {
	n := max(bits.Len64(uint64(frames))-2, 1) // more than a quarter as many as frames, at most half
	a.missed = make([]atomic.Uint32, 1<<n)
	a.shift = uint(64 - n)
	a.buffers.init(pageBytes, min(throughMax, throughBytes/pageBytes), false)
}

// knows tells whether the page was missed lately, and remembers that it was now.
func (a *admission) knows(id policy.Page) bool {
	h := uint64(id) * 0x9e3779b97f4a7c15 // Fibonacci hashing: the top bits are the best
	place := &a.missed[h>>a.shift]
	rest := uint32(h>>8) | 1
	return place.Swap(rest) == rest
}

// readThrough reads the page at the offset at into p, if it need not be let into
// memory, and returns how much: 0 for all others.
func (m *Mapping) readThrough(ctx context.Context, p []byte, at uint64) (int, error) {
	page, a := at>>m.shift, &m.pager.admit
	if !m.passes(ctx, p, at) {
		return 0, nil
	}
	buffer := a.buffers.take()
	if buffer == nil {
		return 0, nil
	}
	defer a.buffers.put(buffer)
	if !m.tasks.tryBegin() {
		return 0, nil
	}
	defer m.tasks.end()
	if !m.claimAbsent(page) {
		return 0, nil
	}
	begun := m.pager.now()
	if err := m.readPassing(page, buffer); err != nil {
		return 0, err
	}
	m.pager.stats.faultTime.add(m.pager.now() - begun)
	n := copy(p[:m.valid(run{first: page, count: 1})], buffer)
	m.pager.tellAccess(m, begun, int64(at), n, false)
	return n, nil
}

// readPassing reads a page, which is faulting, into a buffer and ends the fault,
// before anything is done with the bytes: p may be memory that cannot be written.
func (m *Mapping) readPassing(page uint64, buffer []byte) error {
	err := errUnfinished
	defer func() { m.passOn(page, buffer, err) }()
	m.pager.stats.faults.Add(1)
	err = m.readStore(run{first: page, count: 1}, buffer)
	return err
}

// passes tells whether the page at the offset at is wanted as a whole, by nobody
// who waited for it lately, in memory that is full, and begins no stream.
func (m *Mapping) passes(ctx context.Context, p []byte, at uint64) bool {
	pager := m.pager
	page := at >> m.shift
	switch {
	case pager.config.AdmitAll || ctx.Done() != nil || m.table[page].load().state() != absent:
		return false
	case at&m.inPage != 0 || uint64(len(p)) < min(m.inPage+1, m.size-at) || uint64(len(p)) > m.inPage+1:
		return false
	case pager.frames.free() > pager.frames.limit/8:
		return false
	}
	return !m.ahead.expects(page) && !pager.admit.knows(m.pageID(page))
}

// passOn ends the fault of a page that was read into a buffer: it is absent again,
// unless others have come to want it meanwhile and there is a frame.
func (m *Mapping) passOn(page uint64, buffer []byte, err error) {
	p := m.pager
	c := &m.table[page]
	if err == nil && p.waits.wanted(page, c) && p.frames.try(1) == 1 {
		r := run{first: page, count: 1}
		copy(m.data[page<<m.shift:(page+1)<<m.shift], buffer)
		m.install(r)
		return
	}
	p.stats.passed.Add(1)
	m.setAbsent(page, c.load())
	if errors.Is(err, errUnfinished) {
		err = nil // the others look again
	}
	p.waits.finish(page, c, err)
}
