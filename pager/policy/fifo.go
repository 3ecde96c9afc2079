package policy

// FIFO: the page that came first leaves first, however often it is used.
//
// L. A. Belady, R. A. Nelson, G. S. Shedler: An Anomaly in Space-Time
// Characteristics of Certain Programs Running in a Paging Machine. CACM 12(6),
// 1969. https://doi.org/10.1145/363011.363155 (more memory can mean more faults)
//
// It is here to be compared with. A page that is busy when its time has come goes
// back to the end of the queue.
type fifo struct {
	frames frames
	queue  list
}

func newFIFO(capacity int) Policy { return &fifo{frames: newFrames(capacity)} }

func (q *fifo) Added(p Page) {
	if q.frames.find(p) == 0 {
		q.frames.add(&q.queue, p)
	}
}

func (q *fifo) Used(Page) {}

func (q *fifo) Removed(p Page) {
	if at := q.frames.find(p); at != 0 {
		q.frames.remove(&q.queue, at)
	}
}

func (q *fifo) Victim(state func(Page) State) (Page, bool) {
	f := &q.frames
	for range q.queue.length {
		at := q.queue.front
		if state(f.all[at].page) != Busy {
			return f.remove(&q.queue, at), true
		}
		f.toBack(&q.queue, at)
	}
	return 0, false
}
