package filemap

import (
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/filemap-go/filemap/internal/sys"
)

// After Close a slice of the mapping may live on by mistake, and a method that
// was called before may still be copying. If the kernel could give the addresses
// to the next mapping at once, either would silently read or write a stranger's
// bytes. So Close only takes the memory away and leaves the addresses reserved
// without access; they are given back, oldest first, when
//
//  1. the Map itself is unreachable, which its methods prevent while they run:
//     that makes copies without a lock safe, and holds always; and
//  2. more than a bounded number of regions or bytes is waiting, which catches
//     stale slices for as long as the bound lets it.
//
// A waiting region costs addresses and 32 bytes, and one of vm.max_map_count
// unless it touches another: the kernel makes one mapping of those.
//
// Lock order: Map.mu, then quarantine.mu.
type quarantine struct {
	mu         sync.Mutex
	waiting    []retiree // oldest first
	bytes      int64
	maxRegions int
	maxBytes   int64
	nextSweep  int          // sweep when this many wait, or
	sweepBytes int64        // as many bytes
	nextForce  int          // force a collection when this many wait, or
	forceBytes int64        // as many bytes
	free       []sys.Region // of sweepLocked; kept so that Close need not allocate
}

type retiree struct {
	region sys.Region
	owner  weak.Pointer[Map]
}

var retired = newQuarantine()

// What forces a garbage collection, to learn which Maps are unreachable, when
// none has come by itself: addresses in a 32-bit space, entries in a large one. When
// one has freed little, the next waits until twice as much has come.
const (
	forceBytes   = 1 << (28 + 18*(bits.UintSize/64)) // 256 MiB; 64 TiB
	forceRegions = 1 << 14                           // a quarter of vm.max_map_count as it comes
)

func newQuarantine() *quarantine {
	return &quarantine{
		maxRegions: 1024, maxBytes: 1 << (26 + 14*(bits.UintSize/64)),
		nextForce: forceRegions, sweepBytes: forceBytes, forceBytes: forceBytes,
	}
}

// SetQuarantine bounds how many closed regions, and how many bytes of addresses,
// are kept reserved so that a slice used after Close faults instead of reading
// somebody else's memory. The defaults are 1024 regions and 1 TiB of addresses
// (64 MiB where addresses have 32 bits); neither costs memory. With zeros a
// region is given back as soon as its Map is unreachable; before that never,
// since a method may still be using it.
//
// It concerns the whole process, as its address space does.
func SetQuarantine(maxRegions int, maxBytes int64) {
	retired.mu.Lock()
	retired.maxRegions, retired.maxBytes = max(maxRegions, 0), max(maxBytes, 0)
	retired.nextSweep, retired.sweepBytes = 0, 0
	retired.sweepLocked()
	retired.mu.Unlock()
}

// expect makes room for every region that Maps have, when one is made: a Close of a
// process that has no mappings left must not need memory.
func (q *quarantine) expect() {
	held := int(inUse.held.Load())
	q.mu.Lock()
	defer q.mu.Unlock()
	if held > cap(q.waiting) {
		q.waiting = slices.Grow(q.waiting, held+held/2+64-len(q.waiting))
		q.free = make([]sys.Region, 0, cap(q.waiting))
	}
}

// add takes m's memory away and its addresses in. Where the kernel makes no mapping in
// the place of m's, its protection is changed: that takes no further one.
func (q *quarantine) add(m *Map) error {
	if m.region.Retire() != nil {
		if err := m.region.Protect(0, 0, m.region.Len()); err != nil {
			return err // still mapped; a leak is better than a stranger's bytes
		}
	}
	if q.admit(retiree{m.region, m.self}) && !inUse.scarce() {
		runtime.GC()
		q.releaseAll()
	}
	return nil
}

// admit puts a region to those that wait, and tells whether a collection is worth
// forcing.
func (q *quarantine) admit(r retiree) (force bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, r)
	q.bytes += int64(r.region.Len())
	if q.overLocked() && (len(q.waiting) >= q.nextSweep || q.bytes > q.sweepBytes) {
		q.sweepLocked()
	}
	force = len(q.waiting) >= q.nextForce || q.bytes > q.forceBytes
	if force { // and not by those that close meanwhile, nor again if it frees nothing
		q.nextForce, q.forceBytes = max(forceRegions, 2*len(q.waiting)), max(forceBytes, 2*q.bytes)
	}
	return force
}

func (q *quarantine) overLocked() bool {
	return len(q.waiting) > q.maxRegions || q.bytes > q.maxBytes
}

// sweepLocked gives back the oldest regions that nobody can be using until the
// rest is within the bounds. The next sweep waits until enough have come to
// make it worth while, so that a Close pays for a constant number of entries.
func (q *quarantine) sweepLocked() {
	free := q.free[:0]
	kept := q.waiting[:0]
	left := len(q.waiting)
	for _, r := range q.waiting {
		over := left > q.maxRegions || q.bytes > q.maxBytes
		if !over || r.owner.Value() != nil {
			kept = append(kept, r)
			continue
		}
		free = append(free, r.region)
		q.bytes -= int64(r.region.Len())
		left--
	}
	clear(q.waiting[len(kept):])
	q.waiting = kept
	q.nextSweep = len(kept) + max(len(kept)/4, 64)
	q.sweepBytes = max(forceBytes, q.bytes+q.bytes/4)
	q.nextForce = min(q.nextForce, max(forceRegions, 2*len(kept)))
	q.forceBytes = min(q.forceBytes, max(forceBytes, 2*q.bytes))
	release(free)
	clear(free)
	q.free = free[:0]
}

// release gives regions back, those that touch by one call.
func release(regions []sys.Region) {
	if sys.Joinable {
		slices.SortFunc(regions, func(a, b sys.Region) int {
			if a.Addr() < b.Addr() {
				return -1
			}
			return 1
		})
	}
	for i := 0; i < len(regions); {
		first, r := i, regions[i]
		for i++; sys.Joinable && i < len(regions) && r.Addr()+uintptr(r.Len()) == regions[i].Addr(); i++ {
			r = r.Join(regions[i])
		}
		// It can only fail where the kernel cannot split a mapping any more;
		// the addresses then stay reserved.
		if r.Release() == nil {
			inUse.give(i - first)
		}
	}
}

// releaseAll gives back every region whose Map the latest garbage collection
// found unreachable, whatever the bounds. It tells whether it gave any. It does
// not collect: a process that has no mappings left may be asking, and in such a
// one a collection ends in a crash of Go's runtime, which needs some of its own.
func (q *quarantine) releaseAll() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := len(q.waiting)
	regions, bytes := q.maxRegions, q.maxBytes
	q.maxRegions, q.maxBytes = 0, 0
	q.sweepLocked()
	q.maxRegions, q.maxBytes = regions, bytes
	return len(q.waiting) < before
}
