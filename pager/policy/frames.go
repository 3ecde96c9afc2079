package policy

// frames holds the resident pages of a policy, each in one list, and finds them
// by their number: a hash table with a chain for each of its buckets.
//
//	buckets   [ 2 │ 0 │ 4 │ … ]       a place each: the first of a chain
//	              place 1      2       3       4          place 0 is none
//	           ┌────────┬────────┬────────┬────────┐
//	frame      │ page   │ page   │  free  │ page   │
//	list       │ → 2    │ → 4 ←1 │   ·    │   ← 2  │
//	chain      │ ·      │ → 1    │   ·    │ ·      │
//	           └────────┴────────┴────────┴────────┘
//
// 28 bytes a page: 24 together, so that a page that comes or goes touches few
// cache lines, and 4 of its bucket.
type frames struct {
	all     []frame
	free    uint32 // first of the places that are free, linked by next
	used    int
	buckets []uint32
}

// frame is a resident page: prev and next are its neighbours in its list, next
// the newer one; chain is the next page of the same bucket.
type frame struct {
	page              Page
	prev, next, chain uint32
	mark              uint8 // the policy's note
}

// list is a queue of places: the oldest at the front, the newest at the back.
type list struct {
	front, back uint32
	length      int
}

func newFrames(capacity int) frames {
	return frames{all: make([]frame, 1, capacity+1), buckets: make([]uint32, capacity)}
}

func (f *frames) bucket(p Page) *uint32 { return &f.buckets[scale(hash(p), len(f.buckets))] }

// find returns the place of p, 0 if it is not resident.
func (f *frames) find(p Page) uint32 {
	at := *f.bucket(p)
	for at != 0 && f.all[at].page != p {
		at = f.all[at].chain
	}
	return at
}

// add gives p a place at the back of l. It must have none yet.
func (f *frames) add(l *list, p Page) uint32 {
	if f.used == 2*len(f.buckets) {
		f.grow()
	}
	f.used++
	at := f.free
	if at != 0 {
		f.free = f.all[at].next
	} else {
		at = uint32(len(f.all))
		f.all = append(f.all, frame{})
	}
	head := f.bucket(p)
	f.all[at] = frame{page: p, chain: *head}
	*head = at
	f.pushBack(l, at)
	return at
}

// grow happens when far more pages are resident than the capacity said.
func (f *frames) grow() {
	old := f.buckets
	f.buckets = make([]uint32, 2*len(old))
	for _, at := range old {
		for at != 0 {
			head, next := f.bucket(f.all[at].page), f.all[at].chain
			f.all[at].chain, *head = *head, at
			at = next
		}
	}
}

// remove takes the page at a place out of l, and gives the place back.
func (f *frames) remove(l *list, at uint32) Page {
	f.unlink(l, at)
	p := f.all[at].page
	link := f.bucket(p)
	for *link != at {
		link = &f.all[*link].chain
	}
	*link = f.all[at].chain
	f.all[at] = frame{next: f.free}
	f.free = at
	f.used--
	return p
}

func (f *frames) unlink(l *list, at uint32) {
	prev, next := f.all[at].prev, f.all[at].next
	if prev == 0 {
		l.front = next
	} else {
		f.all[prev].next = next
	}
	if next == 0 {
		l.back = prev
	} else {
		f.all[next].prev = prev
	}
	l.length--
}

func (f *frames) pushBack(l *list, at uint32) {
	f.all[at].prev, f.all[at].next = l.back, 0
	if l.back == 0 {
		l.front = at
	} else {
		f.all[l.back].next = at
	}
	l.back = at
	l.length++
}

// toBack makes a place of l its newest.
func (f *frames) toBack(l *list, at uint32) {
	if l.back != at {
		f.unlink(l, at)
		f.pushBack(l, at)
	}
}

// move takes a place from one list to the back of another.
func (f *frames) move(from, to *list, at uint32) {
	f.unlink(from, at)
	f.pushBack(to, at)
}

// ask is state, for the last of a Victim's laps: a page that is Referenced every
// time it is asked for leaves all the same, so that a search ends.
func ask(state func(Page) State, p Page, isLast bool) State {
	s := state(p)
	if isLast && s == Referenced {
		return Idle
	}
	return s
}
