package policy

// 2Q: a page that is used once passes through a queue; one that is used again
// after it has left the queue is worth keeping.
//
// T. Johnson, D. Shasha: 2Q: A Low Overhead High Performance Buffer Management
// Replacement Algorithm. VLDB 1994. https://www.vldb.org/conf/1994/P439.PDF
// (the full version, with the paper's sizes: Kin 25 %, Kout 50 %)
//
//	new page ──► A1in (FIFO, 25 %) ──leaves──► A1out (names of 50 %)
//	                                             │ back soon
//	             leaves ◄── Am (LRU) ◄───────────┘
//
// The same as libCacheSim's TwoQ with its defaults (Ain-size-ratio=0.25,
// Aout-size-ratio=0.5): A1in loses a page when it has more than its 25 %, else Am.
//
// Uses of a page in A1in do not count: they are taken to belong to the access
// that brought it in.
type twoQ struct {
	frames frames
	in, am list
	out    ghosts
	inSize int // Kin: a longer A1in is the one to lose a page
}

const twoQInAm = 1

func newTwoQ(capacity int) Policy {
	return &twoQ{frames: newFrames(capacity), out: newGhosts(capacity / 2), inSize: max(capacity/4, 1)}
}

func (q *twoQ) Added(p Page) {
	if q.frames.find(p) != 0 {
		q.Used(p)
		return
	}
	if q.out.take(p) {
		q.frames.all[q.frames.add(&q.am, p)].mark = twoQInAm
		return
	}
	q.frames.add(&q.in, p)
}

func (q *twoQ) Used(p Page) {
	if at := q.frames.find(p); at != 0 && q.frames.all[at].mark == twoQInAm {
		q.frames.toBack(&q.am, at)
	}
}

func (q *twoQ) Removed(p Page) {
	if at := q.frames.find(p); at != 0 {
		q.frames.remove(q.listOf(at), at)
	}
}

func (q *twoQ) listOf(at uint32) *list {
	if q.frames.all[at].mark == twoQInAm {
		return &q.am
	}
	return &q.in
}

// Victim takes from A1in while that is too long, else from Am, and from the other
// one where all pages of the first are busy.
func (q *twoQ) Victim(state func(Page) State) (Page, bool) {
	if q.in.length > q.inSize || q.am.length == 0 {
		if p, ok := q.fromIn(state); ok {
			return p, true
		}
		return q.fromAm(state)
	}
	if p, ok := q.fromAm(state); ok {
		return p, true
	}
	return q.fromIn(state)
}

func (q *twoQ) fromIn(state func(Page) State) (Page, bool) {
	f := &q.frames
	for range q.in.length {
		at := q.in.front
		if state(f.all[at].page) != Busy {
			p := f.remove(&q.in, at)
			q.out.add(p)
			return p, true
		}
		f.toBack(&q.in, at)
	}
	return 0, false
}

func (q *twoQ) fromAm(state func(Page) State) (Page, bool) {
	f := &q.frames
	for lap := range 2 {
		for range q.am.length {
			at := q.am.front
			if ask(state, f.all[at].page, lap == 1) == Idle {
				return f.remove(&q.am, at), true
			}
			f.toBack(&q.am, at)
		}
	}
	return 0, false
}
