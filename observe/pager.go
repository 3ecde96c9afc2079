package observe

import (
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// OfPager makes a document of the events of a pager (package pager), which emits
// the same vocabulary, so that it is drawn as a trace of the kernel is. The events
// must be in the order in which they began; path and size are the backing store's.
func OfPager(events []event.Event, path string, size, pageBytes int64) *Document {
	d := &Document{
		Schema: Schema, Tier: TierPager, Sources: []string{}, Missing: []string{},
		Machine: Machine{PageBytes: pageBytes},
		Files:   []File{{Path: path, SizeBytes: size, Role: RoleFile}},
		Regions: []Region{}, Snapshots: []Snapshot{},
		Events: make([]event.Event, len(events)), EventsTotal: int64(len(events)),
	}
	d.Sources = append(d.Sources, d.say(words.Of("the pager's own events")))
	s := &d.Summary
	s.Advice = []string{}
	touched := map[int64]bool{}
	totals := &Totals{DeviceReadBytes: new(int64), DeviceWriteBytes: new(int64)}
	var end int64
	for i, e := range events {
		if e.ID == 0 {
			e.ID = i + 1
		}
		e.StartNS -= events[0].StartNS
		if e.SelfNS == 0 && e.Within == 0 {
			e.SelfNS = e.DurationNS
		}
		d.Events[i] = e
		end = max(end, e.StartNS+e.DurationNS)
		pagesOf := max(e.Pages, (e.Length+pageBytes-1)/pageBytes, 1)
		switch e.Name {
		case event.Fault, event.SwapIn, event.WriteProtect, event.CopyOnWrite:
			s.Faults.Total++
			if e.Kind == event.KindMinor {
				s.Faults.Minor++
			} else {
				s.Faults.Major++
			}
			if e.Name == event.SwapIn {
				totals.SwappedIn += pagesOf
			}
			touched[e.Offset/pageBytes] = true
		case event.Access:
			touched[e.Offset/pageBytes] = true
		case event.SwapOut:
			totals.SwappedOut += pagesOf
		case event.DeviceRead:
			*totals.DeviceReadBytes += e.Length
		case event.DeviceWrite:
			*totals.DeviceWriteBytes += e.Length
		}
	}
	if len(events) > 0 {
		s.WallNS = end
	}
	nestByPages(d.Events)
	totals.Touched = int64(len(touched))
	s.Pages, s.Stages = totals, stagesOf(d.Events)
	return d
}

// nestByPages finds, for events without a thread, what each is a part of: the innermost
// event on the same pages that lasts as long or longer. An access contains its fault, and
// that the read by the device; their own times are counted once.
func nestByPages(events []event.Event) {
	var open []int // events that have not ended, in order
	for i := range events {
		e := &events[i]
		left := open[:0]
		for _, o := range open {
			if events[o].StartNS+events[o].DurationNS > e.StartNS {
				left = append(left, o)
			}
		}
		open = left
		for n := len(open) - 1; n >= 0 && e.Within == 0; n-- {
			if o := &events[open[n]]; holds(o, e) {
				e.Within = o.ID
				o.SelfNS = max(o.SelfNS-e.DurationNS, 0)
			}
		}
		if e.DurationNS > 0 {
			open = append(open, i)
		}
	}
}

// holds tells whether e is on pages of o, and within its time.
func holds(o, e *event.Event) bool {
	return o.File == e.File && o.Offset != event.NoOffset && e.StartNS+e.DurationNS <= o.StartNS+o.DurationNS &&
		e.Offset >= o.Offset && e.Offset < o.Offset+max(o.Length, 1)
}
