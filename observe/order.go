//go:build linux

package observe

import "math/bits"

// order tells in which order a file's pages faulted.
//
// A program that reads on from where it is faults at ever higher addresses, however far
// apart: the kernel maps what is in memory around a fault, 16 pages or a large folio,
// and those fault no more. So the distance says little and the direction says much:
//
//	scan, small folios       0 16 32 48 …             up, always
//	scan, large folios       0 256 512 768 …          up, always
//	two scans in turn        0 9000 16 9016 …         on from one of the last few places
//	random                   700 12 9000 331 …        up half of the times
type order struct {
	last     map[int]int64 // of each thread
	steps    int64         // faults that had one of their thread before
	up, down int64         // of these: to a higher page, to a lower one
	on       int64         // shortly after one of the last few places, of any thread
	lowest   int64
	highest  int64
	began    bool
	places   [streams]int64 // pages that faulted last in each stream, the latest first
}

const (
	streams     = 8
	mostThreads = 1 << 10 // whose last place is known
	reach       = 512     // pages that a stream may skip: a page table's worth
	// By chance a page is within reach of a place with a probability of at most
	// streams*reach/span: reach is no more than so much of the span.
	reachPart = 4 * streams
)

func (o *order) next(thread int, page int64) {
	if !o.began {
		o.began, o.lowest, o.highest = true, page, page
		o.last = map[int]int64{}
		for i := range o.places {
			o.places[i] = -1 - reach // near nothing
		}
	}
	o.lowest, o.highest = min(o.lowest, page), max(o.highest, page)
	if before, known := o.last[thread]; known {
		o.steps++
		switch {
		case page > before:
			o.up++
		case page < before:
			o.down++
		}
	}
	if len(o.last) >= mostThreads {
		clear(o.last)
	}
	o.last[thread] = page
	o.place(page)
}

// place looks whether a page goes on a stream, and makes it the latest place.
func (o *order) place(page int64) {
	most := min(reach, o.span()/reachPart)
	at := streams - 1
	for i, p := range o.places {
		if page > p && page-p <= most {
			o.on++
			at = i
			break
		}
	}
	copy(o.places[1:at+1], o.places[:at])
	o.places[0] = page
}

// span is from the first page to the last.
func (o *order) span() int64 { return o.highest - o.lowest + 1 }

func (o *order) share(of int64) float64 {
	if o.steps == 0 {
		return 0
	}
	return min(float64(of)/float64(o.steps), 1)
}

// Names of orders.
const (
	PatternInOrder   = "in order"
	PatternBackward  = "backward"
	PatternScattered = "scattered"
	PatternUnknown   = "too few to tell"
)

func (o *order) name() string {
	const enough, most = 8, 0.9
	switch {
	case o.steps < enough:
		return PatternUnknown
	case o.share(o.up) >= most || o.share(o.on) >= most:
		return PatternInOrder
	case o.share(o.down) >= most:
		return PatternBackward
	}
	return PatternScattered
}

// pageSet counts different pages exactly, as long as they are in no more than so many
// groups of 64; from then on it knows the least that there are.
type pageSet struct {
	groups map[int64]uint64
	full   bool
}

const mostGroups = 1 << 19

func (s *pageSet) add(page int64) {
	const perGroup = 64
	if s.groups == nil {
		s.groups = map[int64]uint64{}
	}
	group, bit := page/perGroup, uint64(1)<<(page%perGroup)
	set, known := s.groups[group]
	if !known && len(s.groups) >= mostGroups {
		s.full = true
		return
	}
	s.groups[group] = set | bit
}

func (s *pageSet) count() (pages int64, atLeast bool) {
	for _, set := range s.groups {
		pages += int64(bits.OnesCount64(set))
	}
	return pages, s.full
}
