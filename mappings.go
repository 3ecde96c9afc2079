package filemap

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// A process may have a bounded number of mappings (vm.max_map_count on Linux, 65 530
// as it comes). Go's runtime needs a few of them now and then, and ends the process
// when it gets none: so the last ones are not ours to take. mappings counts the regions
// of this package and looks from time to time how many mappings the process has in
// all; an open that would leave too few is an [ErrMapLimit].
type mappings struct {
	held atomic.Int64 // regions, those of closed Maps included
	next atomic.Int64 // look again when as many are held

	mu      sync.Mutex
	refused int64 // held at the last look, if that refused; else 0
	asked   int   // since then

	count func() (used, limit int64, known bool) // sys.MapCount; tests have another
}

const (
	firstLook  = 512
	leaveFree  = 1024 // at most; an eighth of a lower limit
	looksApart = 64   // opens, at least, and refusals
)

var inUse = newMappings()

func newMappings() *mappings {
	u := &mappings{count: sys.MapCount}
	u.next.Store(firstLook)
	return u
}

// take counts a region that is about to be made; give takes it back.
func (u *mappings) take() error {
	held := u.held.Add(1)
	if held < u.next.Load() {
		return nil
	}
	err := u.look(held)
	if err != nil {
		u.give(1)
	}
	return err
}

func (u *mappings) give(n int) { u.held.Add(-int64(n)) }

// scarce tells whether the process has no mappings to spare for a garbage collection.
func (u *mappings) scarce() bool {
	used, limit, known := u.count()
	return known && limit-used < min(leaveFree, limit/8)/2
}

func (u *mappings) look(held int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if held < u.next.Load() {
		return nil // somebody else has looked
	}
	if u.asked++; u.refused == 0 || held < u.refused || u.asked%looksApart == 0 {
		used, limit, known := u.count()
		if !known { // here, or without a descriptor to spare
			u.next.Store(held + firstLook)
			return nil
		}
		if room := limit - min(leaveFree, limit/8) - used; room > 0 {
			u.refused = 0
			u.next.Store(held + max(room/2, min(room, looksApart)))
			return nil
		}
		u.refused, u.asked = held, 0
	}
	u.next.Store(min(u.next.Load(), held))
	return fmt.Errorf("%w: the number of mappings, vm.max_map_count, is used up but for what Go's runtime needs: close some", ErrMapLimit)
}
