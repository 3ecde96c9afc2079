package pager

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// frames is the budget. A frame is taken before a page is read and given back
// when its memory is: pages that are resident, faulting or evicting have one
// each, so that "in use ≤ limit" bounds the memory of all mappings at every
// moment.
type frames struct {
	limit     int64
	low, high int64 // free frames: reclaim begins below low and goes on until high
	used      atomic.Int64

	waiting atomic.Int64 // how many wait for a frame or for an unpin
	mu      sync.Mutex
	wake    chan struct{} // closed when there may be a frame to have
}

func (f *frames) init(limit int64) {
	f.limit = limit
	f.low = min(max(limit/64, 1), 1024)
	f.high = min(2*f.low, limit)
	f.wake = make(chan struct{})
}

// try takes up to want frames, as many as are free.
func (f *frames) try(want int64) int64 {
	for {
		used := f.used.Load()
		got := min(want, f.limit-used)
		if got <= 0 {
			return 0
		}
		if f.used.CompareAndSwap(used, used+got) {
			return got
		}
	}
}

func (f *frames) release(n int) {
	if n == 0 {
		return
	}
	if f.used.Add(-int64(n)) < 0 {
		panic("pager: more frames were given back than taken")
	}
	f.nudge()
}

func (f *frames) free() int64 { return f.limit - f.used.Load() }

// nudge wakes those who wait for a frame: one is free, or a page that has one is
// no longer pinned or busy.
func (f *frames) nudge() {
	if f.waiting.Load() == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.wake)
	f.wake = make(chan struct{})
}

func (f *frames) waker() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wake
}

// errWouldWait: there is no frame now, and the caller holds pins that it must
// not wait with.
var errWouldWait = errors.New("no frame now")

// acquire takes at least one frame and up to want. When there is none, it
// reclaims; when nothing can be reclaimed, since all is pinned or busy, it waits
// for the context, and at most Config.PinWait without an end in sight.
func (p *Pager) acquire(ctx context.Context, want int, mayWait bool) (int, error) {
	f := &p.frames
	for {
		if got := f.try(int64(want)); got > 0 {
			if f.free() < f.low {
				p.kick()
			}
			return int(got), nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		freed, err := p.directReclaim(want)
		if freed > 0 {
			continue
		}
		if err == nil && !mayWait {
			err = errWouldWait
		}
		if err != nil {
			return 0, err
		}
		if err := p.awaitFrame(ctx); err != nil {
			return 0, err
		}
	}
}

// awaitFrame sleeps until a frame may be had. It looks once more after it has
// said that it waits: whoever frees one from then on wakes it.
func (p *Pager) awaitFrame(ctx context.Context) error {
	f := &p.frames
	f.waiting.Add(1)
	defer f.waiting.Add(-1)
	wake := f.waker()
	if f.free() > 0 {
		return nil
	}
	if freed, err := p.directReclaim(1); freed > 0 || err != nil {
		return err
	}
	patience := time.NewTimer(p.config.PinWait)
	defer patience.Stop()
	for {
		select {
		case <-wake:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			if ctx.Done() == nil {
				return ErrPinned
			}
		}
	}
}
