package policy

// S3-FIFO: a small queue for pages that are new, a main one for those that have
// proved themselves, and the names of those that left the small one too soon.
//
// J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi: FIFO Queues are All You Need
// for Cache Eviction. SOSP 2023. https://doi.org/10.1145/3600006.3613147
//
//	new page ──► small (10 %) ──used again──► main (90 %) ──► leaves when its
//	                 │                          ▲   └─used─┘   count is down to 0
//	                 └─not used──► leaves; ghost┘ back soon
//
// Each page has a count of its uses up to 3. In the small queue two uses are
// wanted, as in the paper; a Referenced from state says only that there was one
// or more since it was asked last, and is taken for two there. In the main queue
// it is one.
//
// Where the paper leaves it open, this is what libCacheSim's S3FIFO does with its
// defaults (fifo-size-ratio=0.10, ghost-size-ratio=0.90, move-to-main-threshold=2):
// the names of 90 % are remembered, counted without those that came back; a full
// memory loses a page of the small queue while that has its 10 %, and else one of
// main; a page that moves to main begins with a count of 0 there. (With fewer than
// 20 pages libCacheSim keeps nothing in a small queue of one; here it works.)
//
// A busy page goes to the back of its queue and keeps its count.
type s3fifo struct {
	frames      frames
	small, main list
	ghosts      ghosts
	smallSize   int // from which on the small queue is the one to lose a page
}

const (
	s3CountMax = 3
	s3InMain   = 1 << 7 // in marks, above the count
	s3Promote  = 2      // uses that take a page from small to main
)

func newS3FIFO(capacity int) Policy {
	small := max(capacity/10, 1)
	return &s3fifo{frames: newFrames(capacity), ghosts: newGhosts(capacity * 9 / 10), smallSize: small}
}

func (s *s3fifo) Added(p Page) {
	if at := s.frames.find(p); at != 0 {
		s.count(at, 1)
		return
	}
	if s.ghosts.take(p) {
		at := s.frames.add(&s.main, p)
		s.frames.all[at].mark = s3InMain
		return
	}
	s.frames.add(&s.small, p)
}

func (s *s3fifo) Used(p Page) {
	if at := s.frames.find(p); at != 0 {
		s.count(at, 1)
	}
}

func (s *s3fifo) count(at uint32, uses uint8) {
	mark := s.frames.all[at].mark
	s.frames.all[at].mark = mark&s3InMain | min(mark&^s3InMain+uses, s3CountMax)
}

func (s *s3fifo) Removed(p Page) {
	if at := s.frames.find(p); at != 0 {
		s.frames.remove(s.listOf(at), at)
	}
}

func (s *s3fifo) listOf(at uint32) *list {
	if s.frames.all[at].mark&s3InMain != 0 {
		return &s.main
	}
	return &s.small
}

// Victim takes from the small queue while that has its size, else from main, and
// from either what is not busy where that finds nothing.
func (s *s3fifo) Victim(state func(Page) State) (Page, bool) {
	if s.small.length >= s.smallSize {
		if p, ok := s.fromSmall(state); ok {
			return p, true
		}
	}
	if p, ok := s.fromMain(state); ok {
		return p, true
	}
	if p, ok := s.fromAny(&s.small, state); ok {
		return p, true
	}
	return s.fromAny(&s.main, state)
}

// fromSmall goes over the small queue once: the first page without its uses
// leaves, those before it move to main, even if that leaves few in the small queue.
func (s *s3fifo) fromSmall(state func(Page) State) (Page, bool) {
	f := &s.frames
	for range s.small.length {
		at := s.small.front
		switch state(f.all[at].page) {
		case Busy:
			f.toBack(&s.small, at)
			continue
		case Referenced:
			s.count(at, s3Promote)
		case Idle:
		}
		if f.all[at].mark >= s3Promote {
			f.all[at].mark = s3InMain
			f.move(&s.small, &s.main, at)
			continue
		}
		return s.leave(&s.small, at), true
	}
	return 0, false
}

// fromMain goes round the main queue until a page has no use left, which takes no
// more laps than there are counts, unless all are used all the time.
func (s *s3fifo) fromMain(state func(Page) State) (Page, bool) {
	f := &s.frames
	for range s.main.length * (s3CountMax + 1) {
		at := s.main.front
		switch state(f.all[at].page) {
		case Busy:
			f.toBack(&s.main, at)
			continue
		case Referenced:
			s.count(at, 1)
		case Idle:
		}
		if f.all[at].mark&^s3InMain == 0 {
			return s.leave(&s.main, at), true
		}
		f.all[at].mark--
		f.toBack(&s.main, at)
	}
	return 0, false
}

// fromAny takes the oldest page of a queue that is not busy.
func (s *s3fifo) fromAny(l *list, state func(Page) State) (Page, bool) {
	f := &s.frames
	for range l.length {
		at := l.front
		if state(f.all[at].page) != Busy {
			return s.leave(l, at), true
		}
		f.toBack(l, at)
	}
	return 0, false
}

// leave removes a page; one that leaves the small queue is remembered.
func (s *s3fifo) leave(l *list, at uint32) Page {
	p := s.frames.remove(l, at)
	if l == &s.small {
		s.ghosts.add(p)
	}
	return p
}
