package pager

import (
	"context"
	"sync"
)

// tasks counts what is under way on a mapping, so that Close can wait for it.
//
// While a Close does not know yet whether it can, since it waits, finds pins, or
// writes, the mapping is neither open nor closed: what would begin waits for the
// decision. So nobody sees a mapping as closed that then stays open.
type tasks struct {
	mu      sync.Mutex
	count   int
	phase   phase
	idle    chan struct{} // closing: closed when count is 0
	decided chan struct{} // closing: closed when the phase is another
}

type phase uint8

const (
	isOpen phase = iota
	isClosing
	isClosed
)

// begin counts one more, which end takes off again. It waits for a Close that is
// under way. ErrClosed, or the context's error.
func (t *tasks) begin(ctx context.Context) error {
	for {
		t.mu.Lock()
		phase, decided := t.phase, t.decided
		if phase == isOpen {
			t.count++
		}
		t.mu.Unlock()
		switch phase {
		case isOpen:
			return nil
		case isClosed:
			return ErrClosed
		case isClosing:
		}
		select {
		case <-decided:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryBegin is begin for what can be left out: it does not wait.
func (t *tasks) tryBegin() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase != isOpen {
		return false
	}
	t.count++
	return true
}

func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count--
	if t.count == 0 && t.phase == isClosing {
		close(t.idle)
	}
}

// close lets nothing begin and waits for what is under way; decide must follow.
// It returns false if the mapping is closed. One goroutine calls it at a time.
func (t *tasks) close() bool {
	t.mu.Lock()
	if t.phase == isClosed {
		t.mu.Unlock()
		return false
	}
	t.phase, t.idle, t.decided = isClosing, make(chan struct{}), make(chan struct{})
	if t.count == 0 {
		close(t.idle)
	}
	t.mu.Unlock()
	<-t.idle
	return true
}

// decide ends what close began: the mapping is closed, or as open as before.
func (t *tasks) decide(closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase = isOpen
	if closed {
		t.phase = isClosed
	}
	close(t.decided)
}

func (t *tasks) isClosed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phase == isClosed
}
