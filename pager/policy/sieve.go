package policy

// SIEVE: lazy promotion and quick demotion with one queue and one hand.
//
// Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson, K. V. Rashmi: SIEVE is Simpler than
// LRU: an Efficient Turn-Key Eviction Algorithm for Web Caches. NSDI 2024.
// https://www.usenix.org/conference/nsdi24/presentation/zhang-yazhuo
//
// As in CLOCK a hand passes over pages that were used and clears their bit. But
// pages stay where they are: the hand goes from the oldest page to the newest and
// then begins again, while new pages come in at the newest end, behind those that
// the hand has kept. So a new page that nobody uses is met soon, and a kept page
// not for a long time.
type sieve struct {
	frames frames
	queue  list
	hand   uint32 // the next to look at; 0: the oldest
}

const sieveVisited = 1

func newSieve(capacity int) Policy { return &sieve{frames: newFrames(capacity)} }

func (s *sieve) Added(p Page) {
	if at := s.frames.find(p); at != 0 {
		s.frames.all[at].mark = sieveVisited
		return
	}
	s.frames.add(&s.queue, p)
}

func (s *sieve) Used(p Page) {
	if at := s.frames.find(p); at != 0 {
		s.frames.all[at].mark = sieveVisited
	}
}

func (s *sieve) Removed(p Page) {
	if at := s.frames.find(p); at != 0 {
		s.remove(at)
	}
}

// remove takes a page out. The hand, if it points there, goes on.
func (s *sieve) remove(at uint32) Page {
	if s.hand == at {
		s.hand = s.frames.all[at].next
	}
	return s.frames.remove(&s.queue, at)
}

func (s *sieve) Victim(state func(Page) State) (Page, bool) {
	f := &s.frames
	for lap := range 3 {
		for range s.queue.length {
			at := s.hand
			if at == 0 {
				at = s.queue.front
			}
			s.hand = at
			if ask(state, f.all[at].page, lap == 2) == Idle && f.all[at].mark == 0 {
				return s.remove(at), true
			}
			f.all[at].mark = 0
			s.hand = f.all[at].next
		}
	}
	return 0, false
}
