package pagecache

import (
	"context"
	"math/bits"

	"github.com/filemap-go/filemap/internal/sys"
)

// State is what is known of a page.
type State uint8

// The states of a page; several hold at once. Without any it is not in memory
// and the kernel does not remember that it was. Dirty and Writeback are a folio's:
// one changed byte makes all of its pages so.
const (
	Cached State = 1 << iota
	Dirty
	Writeback
	Evicted
	RecentlyEvicted
)

// Range is a run of pages in the same state. The bytes of the last one end with
// the file.
type Range struct {
	Extent
	State State `json:"-"`

	// The same as State, for who reads the document.
	Cached          bool `json:"cached"`
	Dirty           bool `json:"dirty"`
	Writeback       bool `json:"writeback"`
	Evicted         bool `json:"evicted"`
	RecentlyEvicted bool `json:"recently_evicted"`
}

func newRange(s span, size int64, state State) Range {
	return Range{
		Extent: s.clip(size), State: state,
		Cached: state&Cached != 0, Dirty: state&Dirty != 0, Writeback: state&Writeback != 0,
		Evicted: state&Evicted != 0, RecentlyEvicted: state&RecentlyEvicted != 0,
	}
}

// run is pages in one state.
type run struct {
	span
	state State
}

// runs calls yield for each run of pages within where that are in some state, in
// order, neighbours in the same state joined. It ends early with yield's error.
func (h *handle) runs(ctx context.Context, where span, yield func(run) error) error {
	j := &joiner{yield: yield}
	var err error
	if h.method == mincore {
		err = h.look(ctx, where, j.add)
	} else {
		err = (&bisection{ctx, h.stat, 0, j.add}).search(where)
	}
	if err != nil {
		return err
	}
	return j.end()
}

func (h *handle) stat(s span) (sys.CacheStat, error) { return h.CacheStat(s.offset(), s.bytes()) }

// joiner makes one run of neighbours in the same state.
type joiner struct {
	last  run
	yield func(run) error
}

func (j *joiner) add(r run) error {
	if r.begin == j.last.end && r.state == j.last.state {
		j.last.end = r.end
		return nil
	}
	err := j.end()
	j.last = r
	return err
}

func (j *joiner) end() error {
	if j.last.pages() == 0 || j.last.state == 0 {
		return nil
	}
	return j.yield(j.last)
}

// bisection finds the pages by counting: a range whose pages are all in the same
// state needs no closer look, any other is halved. Its cost is that of the
// changes of state, not of the size: nothing at all, or everything, is one call.
type bisection struct {
	ctx   context.Context
	count func(span) (sys.CacheStat, error)
	calls int
	yield func(run) error
}

// looksPerCheck is how many calls go between looks at the context.
const looksPerCheck = 1024

func (b *bisection) search(s span) error {
	if s.pages() == 0 {
		return nil
	}
	if b.calls++; b.calls%looksPerCheck == 0 && b.ctx.Err() != nil {
		return b.ctx.Err()
	}
	stat, err := b.count(s)
	if err != nil {
		return err
	}
	state, uniform := stateOf(stat, uint64(s.pages()))
	// A page in transit can be counted twice, or not at all.
	if uniform || s.pages() == 1 {
		return b.yield(run{s, state})
	}
	// At a power of two, where folios begin and end.
	middle := s.begin + 1<<(bits.Len64(uint64(s.pages()-1))-1)
	if err := b.search(span{s.begin, middle}); err != nil {
		return err
	}
	return b.search(span{middle, s.end})
}

// stateOf tells whether all n pages are in the same state, and in which.
func stateOf(s sys.CacheStat, n uint64) (state State, uniform bool) {
	uniform = true
	for _, c := range []struct {
		count uint64
		state State
	}{{s.Cached, Cached}, {s.Dirty, Dirty}, {s.Writeback, Writeback}, {s.Evicted, Evicted}, {s.RecentlyEvicted, RecentlyEvicted}} {
		if c.count > 0 {
			state |= c.state
			uniform = uniform && c.count >= n
		}
	}
	return state, uniform
}

// lookPages is how many pages mincore is asked about at once.
const lookPages = 64 << 10

// look asks mincore(2) about each page, part by part.
func (h *handle) look(ctx context.Context, where span, yield func(run) error) error {
	for where.pages() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := span{where.begin, min(where.end, where.begin+lookPages)}
		status, err := h.resident(part)
		if err != nil {
			return err
		}
		for i, s := range status {
			if s != sys.Resident {
				continue
			}
			at := part.begin + int64(i)
			if err := yield(run{span{at, at + 1}, Cached}); err != nil {
				return err
			}
		}
		where.begin = part.end
	}
	return nil
}

// resident maps the pages, without touching them, and asks.
func (h *handle) resident(s span) (status []sys.PageStatus, err error) {
	region, err := sys.MapFile(h.File, s.offset(), int(s.bytes()), sys.ProtRead, sys.Shared)
	if err != nil {
		return nil, err
	}
	status = make([]sys.PageStatus, s.pages())
	err = region.Resident(0, status)
	if e := region.Release(); err == nil {
		err = e
	}
	return status, err
}
