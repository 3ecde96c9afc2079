//go:build linux

package observe

import (
	"cmp"
	"slices"
)

// reorder puts records in the order of their times. Each processor has a buffer of its
// own, in order, and they are emptied one after the other, again and again:
//
//	          emptied          emptied
//	cpu 0     1  4  5          8  9
//	cpu 1        2  3  6  7       10
//	hand on                 1 … 5
//
// When a round begins at a time, everything before the round before that is there. So
// it holds the records of two rounds.
type reorder struct {
	waiting []perfRecord
}

func (o *reorder) add(r perfRecord) { o.waiting = append(o.waiting, r) }

// upTo hands on, in order, what is from before a time.
func (o *reorder) upTo(time uint64, take func(*perfRecord)) {
	slices.SortStableFunc(o.waiting, func(a, b perfRecord) int { return cmp.Compare(a.Time, b.Time) })
	n := 0
	for ; n < len(o.waiting) && o.waiting[n].Time < time; n++ {
		take(&o.waiting[n])
	}
	left := copy(o.waiting, o.waiting[n:])
	clear(o.waiting[left:]) // names
	o.waiting = o.waiting[:left]
}

// pairing joins the begins of faults with their ends, thread by thread, and puts the
// times between them at which the thread slept. It takes records in order. A fault
// without an end ended in a signal, or its end was lost.
type pairing struct {
	threads map[int32]*threadState
}

type threadState struct {
	open   fault // while isOpen
	isOpen bool
	asleep int64 // since when, 0 if not
}

func (p *pairing) thread(id int32) *threadState {
	t := p.threads[id]
	if t == nil {
		if p.threads == nil {
			p.threads = map[int32]*threadState{}
		}
		t = &threadState{}
		p.threads[id] = t
	}
	return t
}

// record returns a fault when r ends one. begun is called for one that begins, while
// what is mapped where is as it is then.
func (p *pairing) record(r *perfRecord, begun func(*fault)) (*fault, bool) {
	at := int64(r.Time)
	switch r.Type {
	case perfRecordExit:
		delete(p.threads, r.TID)
	case perfRecordSwitch:
		p.thread(r.TID).switched(r, at)
	case perfRecordSample:
		return p.sample(r, begun, at)
	}
	return nil, false
}

func (t *threadState) switched(r *perfRecord, at int64) {
	switch {
	case r.Misc&perfMiscSwitchOut == 0:
		if t.isOpen && t.asleep != 0 {
			t.open.slept += at - t.asleep
			t.open.waits = append(t.open.waits, interval{t.asleep, at})
		}
		t.asleep = 0
	case r.Misc&perfMiscSwitchForce == 0:
		t.asleep = at
	default: // preempted, and ready to run
		t.asleep = 0
	}
}

func (p *pairing) sample(r *perfRecord, begun func(*fault), at int64) (*fault, bool) {
	if r.Kind == kindUnknown {
		return nil, false
	}
	t := p.thread(r.TID)
	if r.Kind == kindBegun && t.isOpen && t.open.address == r.Addr {
		return nil, false // a signal came while it slept: the processor tries again
	}
	if r.Kind == kindBegun || !t.isOpen { // or its begin was lost
		t.open = fault{start: at, address: r.Addr, ip: r.IP, thread: int(r.TID), process: int(r.PID)}
		t.isOpen = true
		begun(&t.open)
	}
	if r.Kind == kindBegun {
		return nil, false
	}
	t.open.end, t.open.major = at, r.Kind == kindMajor
	t.isOpen = false
	return &t.open, true
}

// pairFaults pairs the faults of all records.
func pairFaults(records []perfRecord) []fault {
	var order reorder
	var pairs pairing
	var found []fault
	order.waiting = records
	order.upTo(everything, func(r *perfRecord) {
		if f, ended := pairs.record(r, func(*fault) {}); ended {
			found = append(found, *f)
		}
	})
	return found
}
