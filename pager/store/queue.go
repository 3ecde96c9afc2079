package store

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// queueDepth is how many operations a file's ring has under way at most. Those
// beyond go by a system call of their own.
const queueDepth = 256

// queue has the reads and writes of many goroutines under way at once, on an
// io_uring:
//
//   - A goroutine puts its operation into the submission queue and parks. If
//     nobody is submitting it does so first, for all that has come meanwhile too.
//     Before that it lets others run, of whom many may have been woken together:
//     what they queue then is one system call, and one notice to the device.
//   - A goroutine of the queue's own waits in the runtime's poller for
//     completions and wakes whoever they belong to. So does a submitter when it
//     comes out of the kernel, for what has ended by then.
//
// So with many goroutines there is far less than a system call an operation, and no
// thread waits for the device. A goroutine that is alone is better off with
// pread(2), which File does then.
//
// Lock order: queue.mu and queue.reaping are never held together by one
// goroutine.
type queue struct {
	ring *sys.Ring
	gone chan struct{} // closed when wait has returned

	mu         sync.Mutex
	queued     int   // not submitted yet
	submitting bool  // by someone, or soon, who looks at queued again before stopping
	broken     error // of a submission: the ring takes no more
	idle       []uint32

	reaping sync.Mutex
	slots   []slot
}

// slot is an operation that is under way, from queueing until its goroutine has
// seen the result.
type slot struct {
	bytes []byte // keeps them where they are
	n     int
	err   error
	done  chan struct{}

	// taken orders the slot's last use before its next result: between the two
	// lies the kernel, where Go's memory model sees no order.
	taken atomic.Bool
}

// errNotQueued: the ring has no room or takes no more. Use a system call.
var errNotQueued = errors.New("not queued")

func newQueue() (*queue, error) {
	ring, err := sys.NewRing(queueDepth)
	if err != nil {
		return nil, err
	}
	q := &queue{ring: ring, gone: make(chan struct{}), slots: make([]slot, ring.Depth())}
	for i := range q.slots {
		q.slots[i].done = make(chan struct{}, 1)
		q.idle = append(q.idle, uint32(i))
	}
	go func() {
		defer close(q.gone)
		q.ring.Wait(func() {
			q.reaping.Lock()
			q.reap()
			q.reaping.Unlock()
		})
	}()
	return q, nil
}

// close ends the queue, on which nothing may be under way.
func (q *queue) close() error {
	err := q.ring.Close()
	<-q.gone
	return errors.Join(err, q.ring.Release())
}

// transfer does one read or write, which like a system call may be a short one.
func (q *queue) transfer(f sys.File, isWrite bool, p []byte, off int64) (int, error) {
	q.mu.Lock()
	if q.broken != nil || len(q.idle) == 0 {
		q.mu.Unlock()
		return 0, errNotQueued
	}
	i := q.idle[len(q.idle)-1]
	q.idle = q.idle[:len(q.idle)-1]
	s := &q.slots[i]
	s.bytes = p
	s.taken.Store(true)
	if isWrite {
		q.ring.Write(f, p, off, uint64(i))
	} else {
		q.ring.Read(f, p, off, uint64(i))
	}
	q.queued++
	submits := !q.submitting
	if submits {
		q.submitting = true
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
		q.submitLocked()
	}
	q.mu.Unlock()
	if submits && q.reaping.TryLock() {
		q.reap()
		q.reaping.Unlock()
	}
	<-s.done
	n, err := s.n, s.err
	s.bytes = nil
	q.mu.Lock()
	q.idle = append(q.idle, i)
	q.mu.Unlock()
	return n, err
}

// submitLocked submits until nothing is queued. It gives mu up meanwhile.
func (q *queue) submitLocked() {
	q.submitting = true
	for q.queued > 0 && q.broken == nil {
		n := q.queued
		q.queued = 0
		q.mu.Unlock()
		err := q.ring.Submit(n)
		q.mu.Lock()
		if err != nil {
			q.breakLocked(err)
		}
	}
	q.submitting = false
}

// breakLocked gives the ring up for new operations. Those that it did not take
// are told so; the others will end.
func (q *queue) breakLocked(err error) {
	q.broken = err
	q.queued = 0
	q.ring.Withdraw(func(tag uint64) { q.slots[tag].end(0, errNotQueued) })
}

// reap wakes the goroutines of all operations that have ended. The caller holds
// reaping.
func (q *queue) reap() {
	q.ring.Reap(func(tag uint64, n int, err error) { q.slots[tag].end(n, err) })
}

func (s *slot) end(n int, err error) {
	s.taken.Swap(false)
	s.n, s.err = n, err
	s.done <- struct{}{}
}

// lane chooses how a file's operations get to the device: through a queue while
// there are several at a time, by a system call each otherwise.
type lane struct {
	underWay atomic.Int32
	begin    sync.Once
	queue    atomic.Pointer[queue] // nil: not needed yet, or there is none here
}

// transfer does one read or write of a file.
func (l *lane) transfer(f sys.File, isWrite bool, p []byte, off int64) (int, error) {
	others := l.underWay.Add(1) - 1
	defer l.underWay.Add(-1)
	if others > 0 {
		l.begin.Do(func() {
			if q, err := newQueue(); err == nil {
				l.queue.Store(q)
			}
		})
		if q := l.queue.Load(); q != nil {
			n, err := q.transfer(f, isWrite, p, off)
			if !errors.Is(err, errNotQueued) && !sys.TryAgain(err) {
				return n, err
			}
		}
	}
	if isWrite {
		return f.WriteOnce(p, off)
	}
	return f.ReadOnce(p, off)
}

// close ends the queue if there is one. Nothing may be under way.
func (l *lane) close() error {
	if q := l.queue.Load(); q != nil {
		return q.close()
	}
	return nil
}
