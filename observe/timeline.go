//go:build linux

package observe

import (
	"sort"

	"github.com/filemap-go/filemap/observe/event"
)

// timeline makes events of a recording.
type timeline struct {
	*recording
	zero   int64 // when the trace began
	spans  []span
	doc    *Document
	faults []fault
	next   int // of faults: the first not yet told

	region   Region
	at       *stepResult
	before   map[int][]Run      // of each file: its last snapshot
	owners   map[uint64][]owned // of each frame: which pages were in it
	unproven []event.Event      // swap-outs that only snapshots tell
	touched  map[[2]int64]bool
	total    Totals
	result   Faults
}

// owned is a page that was found in a frame.
type owned struct{ start, offset int64 }

// span is an event while the timeline is made. A span that is not the thread's
// own doing takes nothing of its time.
type span struct {
	event.Event
	async bool
	step  bool // the program's own doing, and not within anything else
}

func (t *timeline) add(e event.Event, async bool) *span {
	t.spans = append(t.spans, span{Event: e, async: async})
	return &t.spans[len(t.spans)-1]
}

// event makes one at absolute times.
func (t *timeline) event(name string, start, end, offset int64) event.Event {
	e := event.New(name, start-t.zero, max(end-start, 0), offset)
	e.File = t.region.File
	return e
}

// build fills the document's events, regions, snapshots and summary.
func (r *recording) build(doc *Document) {
	t := &timeline{
		recording: r, doc: doc, before: map[int][]Run{},
		owners: map[uint64][]owned{}, touched: map[[2]int64]bool{},
	}
	if len(r.answer.Results) == 0 {
		return
	}
	t.zero = r.answer.Results[0].Start
	t.faults = pairFaults(r.perf)
	for i := range r.answer.Results {
		t.step(&r.job.Steps[i], &r.answer.Results[i])
	}
	t.tracepoints()
	t.proveSwapOuts()
	t.finish()
}

func (t *timeline) step(s *step, r *stepResult) {
	t.at = r
	switch s.Op {
	case opMap:
		t.region = Region{
			Address: r.Base, Length: r.Length, File: s.File,
			Private: s.Private, Write: s.Write, StartNS: r.Start - t.zero,
		}
		e := t.event(event.Map, r.Start, r.End, 0)
		e.Length, e.Address, e.Write = r.Length, r.Base, s.Write
		t.own(e, s)
	case opAdvise:
		e := t.event(event.Advise, r.Start, r.End, 0)
		e.Length, e.Where = t.region.Length, s.Advice
		t.own(e, s)
	case opTouch:
		t.touches(s, r)
	case opSync:
		e := t.event(event.Sync, r.Start, r.End, 0)
		e.Length = t.region.Length
		t.own(e, s)
	case opUnmap:
		e := t.event(event.Unmap, r.Start, r.End, 0)
		e.Length, e.Address = t.region.Length, t.region.Address
		t.own(e, s)
		t.region.EndNS = r.End - t.zero
		t.doc.Regions = append(t.doc.Regions, t.region)
	}
	t.result.RusageMinor += r.Minor
	t.result.RusageMajor += r.Major
	t.rest(s, r)
	if r.Counts != nil {
		t.snapshot(s, r)
	}
	t.doc.Summary.WallNS += r.took()
}

// own adds an event of a step itself.
func (t *timeline) own(e event.Event, s *step) {
	e.Phase, e.Seen, e.Thread = s.Phase, "clock", t.thread
	t.add(e, false).step = true
}

// touches tells each touch that faulted, and those between them together.
func (t *timeline) touches(s *step, r *stepResult) {
	var quiet *event.Event // touches that did not fault, so far
	flush := func() {
		if quiet != nil {
			t.add(*quiet, false).step = true
			quiet = nil
		}
	}
	for i := range r.Touches {
		touch := &r.Touches[i]
		off := s.Offsets[i]
		t.touched[[2]int64{int64(s.File), off / t.page}] = true
		until := r.End // its faults begin before the next touch
		if i+1 < len(r.Touches) {
			until = r.Touches[i+1].S
		}
		faulted := t.faultsOf(s, off, touch, min(until, touch.E+clockSlack))
		if frame := entryFrame(touch.A); frame != 0 {
			t.owners[frame] = append(t.owners[frame], owned{touch.E, off})
		}
		first := t.doc.Summary.FirstByteNS == nil && !s.Write
		if len(faulted) == 0 && !first {
			if quiet == nil {
				e := t.access(s, off, touch)
				e.Length, e.DurationNS = 0, 0
				quiet = &e
			}
			quiet.Pages++
			quiet.Length += t.page
			quiet.DurationNS += touch.E - touch.S
			continue
		}
		flush()
		t.add(t.access(s, off, touch), false).step = true
		for _, f := range faulted {
			t.add(f, false)
		}
		t.installed(s, touch, off)
		if first {
			t.firstByte(s, touch, off)
		}
	}
	flush()
}

func (t *timeline) access(s *step, off int64, touch *touch) event.Event {
	e := t.event(event.Access, touch.S, touch.E, off)
	e.Address, e.Length, e.Write = t.region.Address+uint64(off), 1, s.Write
	e.Phase, e.Seen, e.Thread = s.Phase, "clock", t.thread
	return e
}

func (t *timeline) firstByte(s *step, touch *touch, off int64) {
	e := t.event(event.FirstByte, touch.E, touch.E, off)
	e.Address, e.Phase, e.Seen, e.Length = t.region.Address+uint64(off), s.Phase, "clock", 1
	t.add(e, false)
	ns := touch.E - t.zero
	t.doc.Summary.FirstByteNS = &ns
}

// faultsOf returns the faults of one touch, which begin before until.
func (t *timeline) faultsOf(s *step, off int64, touch *touch, until int64) []event.Event {
	if !t.byPerf {
		if touch.Minor+touch.Major == 0 {
			return nil
		}
		f := fault{start: touch.S, end: touch.E, address: t.region.Address + uint64(off), major: touch.Major > 0}
		if touch.Slept > 0 {
			f.slept = 1
		}
		return []event.Event{t.fault(s, touch, &f, "getrusage")}
	}
	var found []event.Event
	for ; t.next < len(t.faults) && t.faults[t.next].start <= until; t.next++ {
		f := t.faults[t.next]
		mine := f.address&^uint64(t.page-1) == (t.region.Address+uint64(off))&^uint64(t.page-1)
		switch {
		case !mine && f.start > touch.E:
			return found
		case !mine && f.start < touch.S:
			if f.start >= t.at.Start {
				t.add(t.fault(s, nil, &f, "perf"), true) // the recorder's own, between touches
			}
			continue
		}
		f.start = min(max(f.start, touch.S), touch.E)
		f.end = min(max(f.end, f.start), touch.E)
		found = append(found, t.fault(s, touch, &f, "perf"))
		for _, w := range f.waits {
			e := t.event(event.Wait, max(w.start, f.start), min(w.end, f.end), off)
			e.Phase, e.Seen, e.Length, e.Thread = s.Phase, "perf", t.page, t.thread
			found = append(found, e)
		}
	}
	return found
}

// clockSlack is by how much the child's clock and the kernel's may differ: the
// child compares them once, which takes as long as a system call.
const clockSlack = 20_000 // ns

// fault makes the event of one, and counts it. Without a touch it is the
// recorder's own.
func (t *timeline) fault(s *step, touch *touch, f *fault, seen string) event.Event {
	inside := touch != nil && f.address >= t.region.Address && f.address < t.region.Address+uint64(t.region.Length)
	name, offset := event.Fault, int64(event.NoOffset)
	if inside {
		name, offset = t.faultName(s, touch), int64(f.address-t.region.Address)&^(t.page-1)
	}
	e := t.event(name, f.start, f.end, offset)
	e.Address, e.Phase, e.Seen, e.Thread = f.address, s.Phase, seen, t.thread
	t.result.Total++
	switch {
	case f.major:
		e.Kind = event.KindMajor
		t.result.Major++
	case f.slept > 0:
		e.Kind = event.KindSlept
		t.result.Slept++
		t.result.Minor++
	default:
		e.Kind = event.KindMinor
		t.result.Minor++
	}
	if !inside {
		t.result.Elsewhere++
		return e
	}
	e.Length, e.Write, e.Frame = t.page, s.Write, entryFrame(touch.A)
	if name == event.SwapIn {
		e.Slot = entrySlot(touch.Before)
		t.total.SwappedIn++
	}
	return e
}

// faultName tells what kind of work a fault was, by what was there before it.
func (t *timeline) faultName(s *step, touch *touch) string {
	switch {
	case touch.Before&entrySwapped != 0:
		return event.SwapIn
	case s.Write && t.region.Private:
		return event.CopyOnWrite
	case s.Write && touch.Before&entryPresent != 0:
		return event.WriteProtect
	}
	return event.Fault
}

// installed tells which translations a fault set.
func (t *timeline) installed(s *step, touch *touch, off int64) {
	for _, p := range touch.Installed {
		e := t.event(event.Install, touch.E, touch.E, p.First*t.page)
		if t.byPerf && t.next > 0 { // at the end of the fault, not of the touch
			end := t.faults[t.next-1].end
			if end >= touch.S && end <= touch.E {
				e.StartNS = end - t.zero
			}
		}
		e.Pages = p.Beyond - p.First
		e.Length, e.Phase, e.Seen, e.Thread = e.Pages*t.page, s.Phase, "pagemap", t.thread
		e.Address = t.region.Address + uint64(e.Offset)
		if p.First*t.page <= off && off < p.Beyond*t.page {
			e.Frame = entryFrame(touch.A)
		}
		t.total.Installed += e.Pages
		t.add(e, false)
	}
}

// rest tells the faults of a step outside its touches.
func (t *timeline) rest(s *step, r *stepResult) {
	if !t.byPerf {
		t.unplaced(s, r)
		return
	}
	for ; t.next < len(t.faults) && t.faults[t.next].start <= r.End; t.next++ {
		if f := &t.faults[t.next]; f.start >= r.Start {
			t.add(t.fault(s, nil, f, "perf"), true)
		}
	}
}

// unplaced tells the faults of a step that no touch had, where getrusage alone
// tells of faults: whose they were is not known.
func (t *timeline) unplaced(s *step, r *stepResult) {
	minor, major := r.Minor, r.Major
	for i := range r.Touches {
		minor -= r.Touches[i].Minor
		major -= r.Touches[i].Major
	}
	for range minor + major {
		f := &fault{start: r.End, end: r.End, major: major > 0}
		major--
		t.add(t.fault(s, nil, f, "getrusage"), true)
	}
}

// finish orders the events, finds what is within what, and adds up.
func (t *timeline) finish() {
	inOrder(t.spans)
	nest(t.spans)
	t.doc.Events = make([]event.Event, len(t.spans))
	t.doc.EventsTotal = int64(len(t.spans))
	for i := range t.spans {
		t.doc.Events[i] = t.spans[i].Event
	}
	t.summarize()
}

// inOrder sorts by time: what contains others comes before them.
func inOrder(spans []span) {
	sort.SliceStable(spans, func(i, j int) bool {
		a, b := &spans[i], &spans[j]
		switch {
		case a.StartNS != b.StartNS:
			return a.StartNS < b.StartNS
		case a.step != b.step:
			return a.step
		}
		return a.DurationNS > b.DurationNS
	})
}

// nest numbers events that are in order, and finds for each the innermost event
// of the same thread that contains it. An event's own time is what no event
// within it took; of what is not the thread's doing it is nothing, nor of what the
// thread did outside the steps, which is the recorder's work. The events' own times
// then add up to that of the steps.
func nest(spans []span) {
	var open []int // indices of spans that have not ended, outermost first
	for i := range spans {
		s := &spans[i]
		s.ID = i + 1
		for len(open) > 0 {
			end := endOf(&spans[open[len(open)-1]])
			if end > s.StartNS || end == s.StartNS && s.DurationNS == 0 { // a moment at its end is within it
				break
			}
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			s.Within = spans[open[len(open)-1]].ID
		}
		s.SelfNS = 0
		if s.async || s.DurationNS == 0 || len(open) == 0 && !s.step {
			continue
		}
		if len(open) > 0 { // what a thread does within something ends with it
			parent := &spans[open[len(open)-1]]
			s.DurationNS = min(s.DurationNS, endOf(parent)-s.StartNS)
			s.SelfNS = min(s.DurationNS, parent.SelfNS)
			parent.SelfNS -= s.SelfNS
		} else {
			s.SelfNS = s.DurationNS
		}
		open = append(open, i)
	}
}

func endOf(s *span) int64 { return s.StartNS + s.DurationNS }
