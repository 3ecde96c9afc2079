// Package pager maps files, and anything else that can be read and written at an
// offset, in user space: the four processes that a kernel goes through for a
// mapping, as Go code, under a memory budget. README.md in this folder tells how
// it works, with one diagram.
//
//	p, err := pager.New(pager.Config{Budget: 256 << 20})
//	s, err := store.Open("big.db", store.Options{Write: true})
//	m, err := p.Map(s, pager.Options{Mode: pager.Shared})
//	pin, err := m.Pin(ctx, 4096, 100)
//	use(pin.Bytes())
//	pin.Unpin()
//
// What a kernel's mapping cannot do in Go: a fault blocks a goroutine and not a
// processor of the scheduler; an error of the device is an error and not a
// signal; memory is bounded by a number; a context ends a wait; the store can be
// anything.
//
// The files are the processes:
//
//	1 map        mapping.go
//	2 translate  pagetable.go blocks.go pin.go
//	3 fault      fault.go waits.go readahead.go scan.go admit.go
//	4 reclaim    frames.go reclaim.go writeback.go swap.go commit.go
//
// Lock order, each optional: Mapping.gate, Mapping.syncTurn, Pager.turn, then one
// of Pager.policyMu, a shard of waits, swap.mu, frames.mu, idle.mu, tasks.mu or
// readahead.mu, none of which is held while another is taken or a store is called.
package pager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/pager/policy"
)

// Config is what [New] makes a pager of. Only Budget must be given.
type Config struct {
	// Budget is how many bytes of memory the pages of all mappings may take
	// together, at any moment. It is rounded down to whole pages. What the pager
	// needs beside it: see [Pager.Overhead].
	Budget int64

	// PageBytes is the size of a page: a power of two, at least the system's page
	// size, at most 1 MiB. 0 is the system's.
	PageBytes int

	// Policy names the replacement policy, one of [policy.Names]. "" is CLOCK.
	Policy string

	// Swap is where changes go that belong to no store: those of private
	// mappings, and uncommitted ones. Without it they stay in memory, and count.
	Swap Swap

	// ReadaheadBytes is how much is read at a time ahead of sequential access, at
	// most: 0 is 1 MiB, a negative number turns it off. It is never more than an
	// eighth of the budget.
	ReadaheadBytes int64

	// ScanBytes is how far a sequential read by ReadAt, of a mapping larger than the
	// budget, must have come until what it reads next no longer displaces other
	// pages: 0 is a sixteenth of the budget, a negative number turns it off. See
	// scan.go. Without readahead there are no scans.
	ScanBytes int64

	// AdmitAll makes every page resident that is read. Without it a whole page that
	// ReadAt reads is let into full memory only when it was missed before, not long
	// ago (admit.go).
	AdmitAll bool

	// PinWait is how long an access whose context cannot end waits, when all of
	// the budget is pinned, until it is [ErrPinned]: 0 is a second. With a
	// context that can end, it waits for that.
	PinWait time.Duration

	// DirectOnly has nothing reclaimed in the background: a fault that finds no
	// frame makes exactly as many free as it needs. What happens is then the same
	// every time. For tests and for teaching.
	DirectOnly bool

	// CountHits counts accesses to resident pages, which are otherwise not
	// counted, since that costs as much as the access (about 10 ns).
	CountHits bool

	// Events, unless nil, is told what happens, in the words of package event.
	// It is called by whoever does it, at the same time by many, and must not
	// call the pager. Hits are told, too, which makes them slower; nil costs
	// nothing. If it panics, that is the error of Close, and nothing else.
	Events func(event.Event)
}

// Pager holds the frames that its mappings share. It is safe for concurrent use.
type Pager struct {
	config    Config
	pageBytes int
	shift     uint
	begun     time.Time

	frames   frames
	waits    waits
	versions atomic.Uint32
	turn     chan struct{} // held by the one range that waits for frames while it holds pins

	policyMu sync.Mutex
	policy   policy.Policy
	mappings map[uint64]*Mapping // by Mapping.id; changed under mu and policyMu

	swap    *swapFile // nil without swap
	pieces  buffers   // of scans
	admit   admission
	idle    idleBlocks
	stats   statistics
	scratch sync.Pool // of *scratch, for swapping out and stable writes

	kicks   chan struct{}
	stop    chan struct{}
	stopped sync.WaitGroup

	mu       sync.Mutex // Map and Close
	lastID   uint64
	closed   bool
	panicked error // the first panic of Config.Events
}

const (
	maxPageBytes     = 1 << 20
	defaultReadahead = 1 << 20
	defaultPinWait   = time.Second
	minCountedBudget = 1 // page

	// frameBytes is what is known of a frame: the policy's memory, what admission
	// remembers, and the slot of a page that is in swap too.
	frameBytes = 96
)

// mostMemory is how much memory there can be for what Go's heap holds: of a size
// beyond that the allocator ends the process.
func mostMemory() int64 {
	if n, known := sys.Memory(); known {
		return min(n, math.MaxInt)
	}
	return math.MaxInt
}

// New makes a pager. Its errors are an [*Error] of Op "new": [ErrConfig] for a
// configuration that cannot work, [ErrSwapFile] for a swap file that cannot be
// used, or what the system said about it.
func New(c Config) (*Pager, error) {
	p := &Pager{begun: time.Now(), mappings: make(map[uint64]*Mapping)}
	if err := p.configure(c); err != nil {
		return nil, &Error{Op: "new", Err: err}
	}
	swap, err := openSwap(c.Swap, p.pageBytes)
	if err != nil {
		return nil, &Error{Op: "open swap", Path: c.Swap.Path, Err: err}
	}
	p.swap = swap
	p.turn = make(chan struct{}, 1)
	p.kicks = make(chan struct{}, 1)
	p.stop = make(chan struct{})
	if !p.config.DirectOnly {
		p.stopped.Go(p.reclaimInBackground)
	}
	return p, nil
}

func (p *Pager) configure(c Config) error {
	if c.PageBytes == 0 {
		c.PageBytes = sys.PageSize
	}
	switch {
	case c.PageBytes < sys.PageSize || c.PageBytes > maxPageBytes || bits.OnesCount(uint(c.PageBytes)) != 1:
		return fmt.Errorf("%w: PageBytes is %d: it must be a power of two from %d to %d",
			ErrConfig, c.PageBytes, sys.PageSize, maxPageBytes)
	case c.Budget <= 0:
		return fmt.Errorf("%w: Budget is %d bytes: say how much memory the pages may take", ErrConfig, c.Budget)
	case c.Budget < int64(c.PageBytes)*minCountedBudget:
		return fmt.Errorf("%w: Budget is %d bytes, less than a page of %d", ErrConfig, c.Budget, c.PageBytes)
	case c.Budget/int64(c.PageBytes) > policy.MaxCapacity:
		return fmt.Errorf("%w: Budget is %d pages of %d bytes, and may be %d: use larger pages",
			ErrConfig, c.Budget/int64(c.PageBytes), c.PageBytes, policy.MaxCapacity)
	case frameBytes*(c.Budget/int64(c.PageBytes)) > mostMemory():
		return fmt.Errorf("%w: Budget is %d pages of %d bytes, and this process cannot have the %d bytes that it takes to know them: use larger pages",
			ErrConfig, c.Budget/int64(c.PageBytes), c.PageBytes, frameBytes*(c.Budget/int64(c.PageBytes)))
	case c.PinWait < 0:
		return fmt.Errorf("%w: PinWait is negative", ErrConfig)
	}
	p.pageBytes = c.PageBytes
	p.shift = uint(bits.TrailingZeros(uint(c.PageBytes)))
	limit := c.Budget >> p.shift
	p.frames.init(limit)
	p.initBlocks()
	var err error
	if p.policy, err = policy.New(c.Policy, int(limit)); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.PinWait == 0 {
		c.PinWait = defaultPinWait
	}
	if c.ReadaheadBytes == 0 {
		c.ReadaheadBytes = defaultReadahead
	}
	if c.ScanBytes == 0 {
		c.ScanBytes = c.Budget / 16
	}
	p.initScans(c.Budget)
	p.admit.init(limit, p.pageBytes)
	c.ReadaheadBytes = max(min(c.ReadaheadBytes, c.Budget/8), 0)
	p.config = c
	return nil
}

// PageBytes is the size of a page.
func (p *Pager) PageBytes() int { return p.pageBytes }

// Budget is how many bytes the pages of all mappings may take: Config.Budget in
// whole pages.
func (p *Pager) Budget() int64 { return p.frames.limit << p.shift }

// Overhead is a bound of the memory, in bytes, that the pager needs beside its
// budget with the mappings that it has now:
//
//   - for page tables, its own and the kernel's for the pages' addresses, 8 KiB for
//     each 2 MiB of a mapping in which there is a page in memory or in swap. That is
//     16 bytes for each page where they lie together; where they lie far apart, as
//     under random accesses to a mapping much larger than the budget, it is at most
//     8 KiB for each frame and each slot of swap. The tables of up to 8 MiB more are
//     kept for pages that come again, and those of which no page is left are given
//     back. (With pages of 4 KiB. Larger ones need less: a table and a page's size
//     for each. Windows keeps all tables that were used.)
//   - for the upper levels of these, 10 bytes for each MiB of a mapping;
//   - 96 bytes for each frame: the policy's memory, and what is known of pages that
//     are in swap too;
//   - 16 MiB for buffers and goroutines that are reading, writing or swapping.
func (p *Pager) Overhead() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(16<<20) + frameBytes*p.frames.limit + p.tableBytes()
}

// Close closes all mappings, as [Mapping.Close] does, and the swap file. If one
// cannot be closed, the error says why, the pager and that mapping stay open, and
// Close can be called again. Failures that are known from before (see
// [Mapping.Close]) are said again, and the pager is closed all the same; then, and
// after a nil error, a second Close is [ErrClosed].
func (p *Pager) Close() error {
	var errs []error
	for {
		all, err := p.openMappings()
		if err != nil {
			return &Error{Op: "close", Err: err}
		}
		for _, m := range all {
			if err := m.Close(); err != nil && !errors.Is(err, ErrClosed) {
				errs = append(errs, err)
				if !m.tasks.isClosed() {
					return errors.Join(errs...)
				}
			}
		}
		if p.endUse() {
			return errors.Join(append(errs, p.shut())...)
		}
	}
}

// openMappings lists the mappings. ErrClosed: the pager has been closed.
func (p *Pager) openMappings() ([]*Mapping, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	return slices.Collect(maps.Values(p.mappings)), nil
}

// endUse closes the pager to Map, unless there is a mapping.
func (p *Pager) endUse() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.mappings) > 0 {
		return false
	}
	p.closed = true
	return true
}

// shut gives back what a pager that is closed has.
func (p *Pager) shut() error {
	close(p.stop)
	p.stopped.Wait()
	err := errors.Join(p.panicked, p.admit.buffers.close(), p.pieces.close())
	if err != nil {
		err = &Error{Op: "close", Err: err}
	}
	if p.swap == nil {
		return err
	}
	if swapErr := p.swap.close(); swapErr != nil {
		err = errors.Join(err, &Error{Op: "close swap", Path: p.config.Swap.Path, Err: swapErr})
	}
	return err
}

// withPolicy calls f, which may use the policy.
func (p *Pager) withPolicy(f func()) {
	p.policyMu.Lock()
	defer p.policyMu.Unlock()
	f()
}

// background is the context of work that nobody waits for.
var background = context.Background()
