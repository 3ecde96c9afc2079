package policy

// LRU: the page that was not accessed for the longest time leaves.
//
// R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger: Evaluation Techniques for
// Storage Hierarchies. IBM Systems Journal 9(2), 1970.
// https://doi.org/10.1147/sj.92.0078 (LRU is a stack algorithm: more memory never
// means more faults)
//
// It wants to know of every access. Told lazily, through the state that Victim
// asks for, it orders pages by when it was told, and is then second chance.
type lru struct {
	frames frames
	order  list // the least recently used in front
}

func newLRU(capacity int) Policy { return &lru{frames: newFrames(capacity)} }

func (l *lru) Added(p Page) {
	if at := l.frames.find(p); at != 0 {
		l.frames.toBack(&l.order, at)
		return
	}
	l.frames.add(&l.order, p)
}

func (l *lru) Used(p Page) {
	if at := l.frames.find(p); at != 0 {
		l.frames.toBack(&l.order, at)
	}
}

func (l *lru) Removed(p Page) {
	if at := l.frames.find(p); at != 0 {
		l.frames.remove(&l.order, at)
	}
}

func (l *lru) Victim(state func(Page) State) (Page, bool) {
	f := &l.frames
	for lap := range 2 {
		for range l.order.length {
			at := l.order.front
			if ask(state, f.all[at].page, lap == 1) == Idle {
				return f.remove(&l.order, at), true
			}
			f.toBack(&l.order, at) // busy pages too: they are in use now
		}
	}
	return 0, false
}
