package pager

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Stats is what a pager has done since it was made. Counters only grow; a value
// is exact, but values of one Stats may be some events apart.
type Stats struct {
	Hits   uint64 // accesses to resident pages; counted only with Config.CountHits
	Faults uint64 // accesses that had pages brought in, one or a run of them

	Reads      uint64 // of stores
	ReadBytes  uint64
	ReadErrors uint64 // reads that failed, wrong checksums included

	ReadaheadPages uint64 // pages brought in before anyone asked, Prefetch included

	PassedPages uint64 // read for ReadAt and not made resident: scan.go, admit.go

	Writes      uint64 // to stores, by reclaim, Sync and Close
	WriteBytes  uint64
	WriteErrors uint64 // failed writes and syncs of stores, journals and swap

	Evictions      uint64 // pages that left memory because it was short
	DirectReclaims uint64 // faults that had to make frames free themselves

	SwapOutPages, SwapInPages uint64

	Commits uint64

	ResidentPages int64 // frames in use: resident, being read, or being evicted
	BudgetPages   int64
	SwapPages     int64 // slots in use
	SwapSize      int64 // slots
	Mappings      int

	// How long things took that take their time.
	FaultTime   Histogram // from the access to the page, waiting for a frame included
	ReadTime    Histogram // one read of a store
	WriteTime   Histogram // one write to a store
	SwapInTime  Histogram
	SwapOutTime Histogram // one write to swap, of up to 64 pages
	ReclaimTime Histogram // one batch
	CommitTime  Histogram
}

// HistogramBuckets is how many buckets a [Histogram] has.
const HistogramBuckets = 80

// Histogram counts durations in buckets whose limits are half a power of two
// apart: the upper limit of bucket i, in nanoseconds, is [HistogramLimit](i).
type Histogram struct {
	Buckets [HistogramBuckets]uint64
	Sum     time.Duration
}

// HistogramLimit is the longest duration that bucket i counts: 1, 2, 3, 4, 6, 8,
// 12, 16 … nanoseconds. The last bucket has everything above as well.
func HistogramLimit(i int) time.Duration {
	if i == 0 {
		return 1
	}
	if i%2 == 1 {
		return time.Duration(1) << ((i + 1) / 2)
	}
	return time.Duration(3) << (i/2 - 1)
}

// Count is how many durations were counted.
func (h *Histogram) Count() uint64 {
	n := uint64(0)
	for _, b := range h.Buckets {
		n += b
	}
	return n
}

// Quantile is the duration that the share q of all, 0 to 1, did not exceed, as
// exactly as the buckets tell: at most 1.5 times too long. 0 when nothing was
// counted.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.Count()))
	seen := uint64(0)
	for i, b := range h.Buckets {
		seen += b
		if b > 0 && (seen > rank || seen == h.Count()) {
			return HistogramLimit(i)
		}
	}
	return 0
}

// bucketOf is the first bucket whose limit is not below ns.
func bucketOf(ns int64) int {
	if ns <= 1 {
		return 0
	}
	exponent := bits.Len64(uint64(ns-1)) - 1 // 2^exponent < ns ≤ 2^(exponent+1)
	bucket := 2*exponent + 1
	if exponent > 0 && ns <= 3<<(exponent-1) {
		bucket--
	}
	return min(bucket, HistogramBuckets-1)
}

type histogram struct {
	buckets [HistogramBuckets]atomic.Uint64
	sum     atomic.Int64
}

func (h *histogram) add(ns int64) {
	h.buckets[bucketOf(ns)].Add(1)
	h.sum.Add(ns)
}

func (h *histogram) snapshot() Histogram {
	s := Histogram{Sum: time.Duration(h.sum.Load())}
	for i := range h.buckets {
		s.Buckets[i] = h.buckets[i].Load()
	}
	return s
}

// statistics is what Stats is a snapshot of.
type statistics struct {
	hits [16]struct {
		count atomic.Uint64
		_     [56]byte // a cache line each
	}
	faults, reads, readBytes, readErrors, ahead, passed atomic.Uint64
	writes, writtenBytes, writeErrors                   atomic.Uint64
	evictions, directReclaims                           atomic.Uint64
	swappedIn, swappedOut, commits                      atomic.Uint64
	faultTime, readTime, writeTime                      histogram
	swapInTime, swapOutTime, reclaimTime, commTime      histogram
}

// hit counts where other processors are probably not counting.
func (s *statistics) hit(count bool) {
	if count {
		s.hits[rand.Uint32()%16].count.Add(1)
	}
}

// Stats returns what the pager has done so far.
func (p *Pager) Stats() Stats {
	st := &p.stats
	s := Stats{
		Faults: st.faults.Load(), Reads: st.reads.Load(), ReadBytes: st.readBytes.Load(), ReadErrors: st.readErrors.Load(),
		ReadaheadPages: st.ahead.Load(), PassedPages: st.passed.Load(),
		Writes: st.writes.Load(), WriteBytes: st.writtenBytes.Load(), WriteErrors: st.writeErrors.Load(),
		Evictions: st.evictions.Load(), DirectReclaims: st.directReclaims.Load(),
		SwapInPages: st.swappedIn.Load(), SwapOutPages: st.swappedOut.Load(), Commits: st.commits.Load(),
		ResidentPages: p.frames.used.Load(), BudgetPages: p.frames.limit,
		FaultTime: st.faultTime.snapshot(), ReadTime: st.readTime.snapshot(), WriteTime: st.writeTime.snapshot(),
		SwapInTime: st.swapInTime.snapshot(), SwapOutTime: st.swapOutTime.snapshot(),
		ReclaimTime: st.reclaimTime.snapshot(), CommitTime: st.commTime.snapshot(),
	}
	for i := range st.hits {
		s.Hits += st.hits[i].count.Load()
	}
	if p.swap != nil {
		p.swap.mu.Lock()
		s.SwapSize, s.SwapPages = int64(p.swap.slots), int64(p.swap.slots-p.swap.free)
		p.swap.mu.Unlock()
	}
	p.mu.Lock()
	s.Mappings = len(p.mappings)
	p.mu.Unlock()
	return s
}

// PageState is where a page is, and what is known of it there.
type PageState struct {
	Resident bool
	Swapped  bool // in swap, and not in memory
	Busy     bool // being read, or being written and evicted
	Dirty    bool // changed since it was last read from or written to where it belongs
	Pins     int
}

// Pages tells the state of the pages from the one at off, one for each element
// of states, and how many of them the mapping has. They may have changed when it
// returns. A page that is neither resident, swapped nor busy is in the store.
func (m *Mapping) Pages(off int64, states []PageState) (int, error) {
	if err := m.within("pages", off, 0); err != nil {
		return 0, err
	}
	first := uint64(off) >> m.shift
	n := min(len(states), len(m.table)-int(min(first, uint64(len(m.table)))))
	for i := range n {
		w := m.table[first+uint64(i)].load()
		s := w.state()
		states[i] = PageState{Resident: s == resident, Swapped: s == swapped, Busy: s == faulting || s == evicting, Dirty: w&dirty != 0}
		if s == resident {
			states[i].Pins = w.pins()
		}
	}
	return n, nil
}
