//go:build linux

package observe

import (
	"cmp"
	"slices"

	"github.com/filemap-go/filemap/observe/event"
)

// samples keeps some of a program's events, evenly spread, and its slowest faults. It
// counts all of them. Faults that waited have room of their own, since they are few.
type samples struct {
	regions, waits, quick sample
	slowest               []event.Event
	least                 int64   // how long a fault took at least to be among the slowest
	chosen                *sample // that the next event goes into
	made                  int
}

const slowestKept = 256

// region tells whether the next mapping is to be added.
func (s *samples) region() bool {
	s.choose(&s.regions)
	return s.chosen != nil
}

// fault tells whether the next fault is to be added.
func (s *samples) fault(took int64, waited bool) bool {
	if waited {
		s.choose(&s.waits)
	} else {
		s.choose(&s.quick)
	}
	return s.chosen != nil || took > s.least
}

func (s *samples) choose(of *sample) {
	s.chosen = nil
	if of.wants() {
		s.chosen = of
	}
}

func (s *samples) add(e event.Event) {
	s.made++
	e.ID = s.made // by which all knows it again
	if s.chosen != nil {
		s.chosen.add(e)
	}
	if e.Kind == "" || e.DurationNS <= s.least {
		return
	}
	s.slowest = append(s.slowest, e)
	if len(s.slowest) == 2*slowestKept {
		slices.SortFunc(s.slowest, func(a, b event.Event) int { return cmp.Compare(b.DurationNS, a.DurationNS) })
		s.slowest = s.slowest[:slowestKept]
		s.least = s.slowest[slowestKept-1].DurationNS
	}
}

// all returns what was kept, in order, and how many events there were.
func (s *samples) all() (kept []event.Event, seen int64) {
	kept = slices.Concat(s.regions.kept, s.waits.kept, s.quick.kept, s.slowest)
	slices.SortFunc(kept, func(a, b event.Event) int { return cmp.Or(cmp.Compare(a.StartNS, b.StartNS), cmp.Compare(a.ID, b.ID)) })
	kept = slices.CompactFunc(kept, func(a, b event.Event) bool { return a.ID == b.ID })
	for i := range kept {
		kept[i].ID = i + 1
	}
	if kept == nil {
		kept = []event.Event{}
	}
	return kept, s.regions.seen + s.waits.seen + s.quick.seen
}

// sample keeps every k-th of what it is offered. When it has no more room, it drops
// every second, and k doubles.
type sample struct {
	kept []event.Event
	k    int64 // 0 before the first
	seen int64
}

const sampleKept = 1 << 13

// wants counts one more, and tells whether it is to be added.
func (s *sample) wants() bool {
	s.k = max(s.k, 1)
	s.seen++
	return (s.seen-1)%s.k == 0
}

func (s *sample) add(e event.Event) {
	if len(s.kept) == sampleKept {
		for i := range sampleKept / 2 {
			s.kept[i] = s.kept[2*i]
		}
		s.kept = s.kept[:sampleKept/2]
		s.k *= 2
	}
	s.kept = append(s.kept, e) // the number of it is a multiple of the new k as well
}
