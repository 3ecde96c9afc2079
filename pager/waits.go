package pager

import (
	"context"
	"sync"
	"sync/atomic"
)

// waits is where goroutines sleep until a page that belongs to another, because
// it is faulting or evicting, is free again.
//
// It cannot miss a wake-up: who waits looks at the page's word again while it
// holds the shard's lock, and who finishes changes the word before it takes it.
type waits struct{ shards [64]waitShard }

type waitShard struct {
	mu   sync.Mutex
	busy map[*cell]*waiter
}

// waiter is shared by all who wait for one page.
type waiter struct {
	done chan struct{} // closed when the page is free
	err  error         // why the read failed; set before done is closed

	sleepers atomic.Int64 // for tests
}

func (w *waits) shard(page uint64) *waitShard { return &w.shards[page%64] }

// wait sleeps until the page is neither faulting nor evicting, and returns the
// error of the read that it waited for.
func (w *waits) wait(ctx context.Context, page uint64, c *cell) error {
	s := w.shard(page)
	s.mu.Lock()
	if st := c.load().state(); st != faulting && st != evicting {
		s.mu.Unlock()
		return nil
	}
	one := s.busy[c]
	if one == nil {
		if s.busy == nil {
			s.busy = make(map[*cell]*waiter)
		}
		one = &waiter{done: make(chan struct{})}
		s.busy[c] = one
	}
	one.sleepers.Add(1)
	s.mu.Unlock()
	select {
	case <-one.done:
		return one.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wanted tells whether anybody waits for the page.
func (w *waits) wanted(page uint64, c *cell) bool {
	s := w.shard(page)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[c] != nil
}

// finish wakes all who wait for the page, after its word was changed.
func (w *waits) finish(page uint64, c *cell, err error) {
	s := w.shard(page)
	s.mu.Lock()
	one := s.busy[c]
	if one != nil {
		delete(s.busy, c)
	}
	s.mu.Unlock()
	if one != nil {
		one.err = err
		close(one.done)
	}
}
