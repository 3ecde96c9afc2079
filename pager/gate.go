package pager

import (
	"context"
	"sync"
)

// gate keeps those who write to a Transactional mapping and those who commit it
// apart. Writers come in at any time but while a commit is under way, so that who
// holds a pin can always take another: a commit waits until there is none.
type gate struct {
	mu      sync.Mutex
	writers int
	shut    bool
	changed chan struct{} // closed when it may be somebody's turn
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

func (g *gate) enter(ctx context.Context) error {
	return g.await(ctx, func() bool {
		if g.shut {
			return false
		}
		g.writers++
		return true
	})
}

func (g *gate) leave() { g.change(func() { g.writers-- }) }

// close waits until nobody writes, and then lets nobody in.
func (g *gate) close(ctx context.Context) error {
	return g.await(ctx, func() bool {
		if g.shut || g.writers > 0 {
			return false
		}
		g.shut = true
		return true
	})
}

func (g *gate) open() { g.change(func() { g.shut = false }) }

func (g *gate) await(ctx context.Context, try func() bool) error {
	for {
		g.mu.Lock()
		ok, changed := try(), g.changed
		g.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *gate) change(do func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	do()
	if g.writers == 0 {
		close(g.changed)
		g.changed = make(chan struct{})
	}
}
