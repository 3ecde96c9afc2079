package policy

// frames holds the resident pages of a policy, in lists: which pages there are,
// what is noted of each, and its neighbours in the one list that it is in.
//
//	place   1     2     3     4              place 0 is none
//	      ┌─────┬─────┬─────┬─────┐
//	pages │  p  │  q  │     │  r  │  8 bytes
//	marks │     │  1  │     │     │  1 byte: the policy's note
//	links │→2   │→4 ←1│free │   ←2│  8 bytes
//	      └─────┴─────┴─────┴─────┘
//	index: page → place              under 6 bytes
type frames struct {
	pages []Page
	marks []uint8
	links []link
	free  uint32 // first of the places that are free, linked by next
	index index
}

// link is the neighbours of a place in its list: next towards the newer end.
type link struct{ prev, next uint32 }

// list is a queue of places: the oldest at the front, the newest at the back.
type list struct {
	front, back uint32
	length      int
}

func newFrames(capacity int) frames {
	f := frames{
		pages: make([]Page, 1, capacity+1),
		marks: make([]uint8, 1, capacity+1),
		links: make([]link, 1, capacity+1),
		index: newIndex(capacity),
	}
	return f
}

func (f *frames) find(p Page) uint32 { return f.index.find(f.pages, p) }

// add gives p a place at the back of l. It must have none yet.
func (f *frames) add(l *list, p Page) uint32 {
	at := f.free
	if at != 0 {
		f.free = f.links[at].next
		f.pages[at], f.marks[at] = p, 0
	} else {
		at = uint32(len(f.pages))
		f.pages = append(f.pages, p)
		f.marks = append(f.marks, 0)
		f.links = append(f.links, link{})
	}
	f.index.insert(f.pages, at)
	f.pushBack(l, at)
	return at
}

// remove takes the page at a place out of l, and gives the place back.
func (f *frames) remove(l *list, at uint32) Page {
	f.unlink(l, at)
	p := f.pages[at]
	f.index.remove(f.pages, p)
	f.links[at] = link{next: f.free}
	f.free = at
	return p
}

func (f *frames) unlink(l *list, at uint32) {
	n := f.links[at]
	if n.prev == 0 {
		l.front = n.next
	} else {
		f.links[n.prev].next = n.next
	}
	if n.next == 0 {
		l.back = n.prev
	} else {
		f.links[n.next].prev = n.prev
	}
	l.length--
}

func (f *frames) pushBack(l *list, at uint32) {
	f.links[at] = link{prev: l.back}
	if l.back == 0 {
		l.front = at
	} else {
		f.links[l.back].next = at
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
