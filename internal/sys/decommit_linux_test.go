package sys

import "testing"

// noBatches makes Decommit behave as on a kernel without process_madvise on
// oneself.
var noBatches = func() { noProcessMadvise.Store(true) }

const decommitZeroes = true

// Locked memory is given back as other memory is, alone and among ranges that are
// not locked, and does not make the kernel look as if it knew no batches.
func TestDecommitLocked(t *testing.T) {
	noProcessMadvise.Store(false)
	r, err := MapAnonymous(100*PageSize, ProtRead|ProtWrite, false)
	must(t, err)
	defer func() { _ = r.Release() }()
	must(t, Decommit([]Range{{r, 0, PageSize}, {r, 2 * PageSize, PageSize}}))
	batches := !noProcessMadvise.Load()
	for _, locked := range []func() error{
		func() error { return r.Lock(10*PageSize, 20*PageSize) },
		func() error { return r.LockLazily(10*PageSize, 20*PageSize) },
		func() error { return r.Lock(0, 100*PageSize) },
	} {
		if err := locked(); err != nil {
			t.Skipf("needs RLIMIT_MEMLOCK of 100 pages: %v", err)
		}
		for i := range r.Bytes() {
			r.Bytes()[i] = 1
		}
		var ranges []Range
		for page := 1; page < 100; page += 2 {
			ranges = append(ranges, Range{r, page * PageSize, PageSize})
		}
		must(t, Decommit(ranges))
		must(t, Decommit(ranges[:1]))
		for page := range 100 {
			if got := r.Bytes()[page*PageSize]; got != byte(1-page%2) {
				t.Errorf("page %d holds %d", page, got)
			}
		}
	}
	must(t, r.Unlock(0, 100*PageSize))
	if batches && noProcessMadvise.Load() {
		t.Error("locked memory was taken for a kernel without process_madvise")
	}
}

// A kernel without MADV_DONTNEED_LOCKED unlocks and locks again.
func TestDropLockedTheOldWay(t *testing.T) {
	r, err := MapAnonymous(4*PageSize, ProtRead|ProtWrite, false)
	must(t, err)
	defer func() { _ = r.Release() }()
	if err := r.Lock(0, 4*PageSize); err != nil {
		t.Skipf("needs RLIMIT_MEMLOCK of 4 pages: %v", err)
	}
	r.Bytes()[PageSize] = 1
	must(t, r.relockDropped(PageSize, PageSize))
	if r.Bytes()[PageSize] != 0 {
		t.Error("the page is still there")
	}
}
