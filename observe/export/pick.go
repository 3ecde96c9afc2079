package export

import (
	"slices"

	"github.com/filemap-go/filemap/observe/event"
)

// pick chooses at most so many events for a page. Each phase gets its share, and what
// a phase with few events does not need the others get. Of a phase it takes the first
// steps in which something is new, so that nothing that happens is missing, and of the
// rest every k-th, so that what is left out is left out evenly. A step is an event and
// those within it; of a very long one it takes the beginning.
func pick(events []event.Event, most int) []event.Event {
	if len(events) <= most {
		return events
	}
	phases := phasesOf(events)
	shares := shareOut(phases, most)
	var chosen []event.Event
	for i, p := range phases {
		chosen = append(chosen, p.pick(shares[i])...)
	}
	slices.SortStableFunc(chosen, func(a, b event.Event) int { return a.ID - b.ID })
	return chosen
}

// phase is the steps of one.
type phase struct {
	steps  []group
	events int
}

func phasesOf(events []event.Event) []*phase {
	var found []*phase
	byName := map[string]*phase{}
	for _, g := range groups(events) {
		name := g.events[0].Phase
		p := byName[name]
		if p == nil {
			p = &phase{}
			byName[name] = p
			found = append(found, p)
		}
		p.steps = append(p.steps, g)
		p.events += len(g.events)
	}
	return found
}

// shareOut gives each phase what it needs, or as much as every other that needs more.
func shareOut(phases []*phase, most int) []int {
	order := make([]int, len(phases))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return phases[a].events - phases[b].events })
	shares := make([]int, len(phases))
	for done, i := range order {
		shares[i] = min(phases[i].events, most/(len(order)-done))
		most -= shares[i]
	}
	return shares
}

func (p *phase) pick(most int) []event.Event {
	if p.events <= most {
		most = p.events
	}
	longest := max(most/8, 1) // so that there is room for more than one step
	told := map[string]bool{}
	keep := make([]bool, len(p.steps))
	room, rest := most, 0
	for i := range p.steps {
		n := min(len(p.steps[i].events), longest)
		if p.steps[i].tellsNew(told) && n <= room {
			keep[i] = true
			room -= n
		} else {
			rest += n
		}
	}
	credit := 0 // each step of the rest earns its part of the room
	var chosen []event.Event
	for i, s := range p.steps {
		n := min(len(s.events), longest)
		if !keep[i] {
			if credit += n * room; credit < n*rest {
				continue
			}
			credit -= n * rest
		}
		for _, e := range s.events[:n] {
			chosen = append(chosen, *e)
		}
	}
	return chosen
}

// pageEvent is an event as the page's script reads it: without what follows from the
// rest, which it puts in again.
type pageEvent struct {
	Name       string `json:"name"`
	StartNS    int64  `json:"start_ns"`
	DurationNS int64  `json:"duration_ns,omitempty"`
	SelfNS     *int64 `json:"self_ns,omitempty"` // the duration where it is left out
	Offset     int64  `json:"offset"`
	Length     int64  `json:"length_bytes,omitempty"`
	ID         int    `json:"id,omitempty"`
	Within     int    `json:"within,omitempty"`
	Address    uint64 `json:"address,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Write      bool   `json:"write,omitempty"`
	Thread     int    `json:"thread,omitempty"`
	Phase      string `json:"phase,omitempty"`
	File       int    `json:"file,omitempty"`
	Frame      uint64 `json:"frame,omitempty"`
	Slot       int64  `json:"slot,omitempty"`
	Pages      int64  `json:"pages,omitempty"`
	Folios     int64  `json:"folios,omitempty"`
	Where      string `json:"where,omitempty"`
	Seen       string `json:"seen,omitempty"`
}

func pageEvents(events []event.Event) []pageEvent {
	short := make([]pageEvent, len(events))
	for i := range events {
		e := &events[i]
		short[i] = pageEvent{
			e.Name, e.StartNS, e.DurationNS, &e.SelfNS, e.Offset, e.Length, e.ID, e.Within, e.Address, e.Kind,
			e.Write, e.Thread, e.Phase, e.File, e.Frame, e.Slot, e.Pages, e.Folios, e.Where, e.Seen,
		}
		if e.SelfNS == e.DurationNS {
			short[i].SelfNS = nil
		}
	}
	return short
}
