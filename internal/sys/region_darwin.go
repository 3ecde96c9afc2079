package sys

import "golang.org/x/sys/unix"

// SyncNeedsFile tells whether [Region.Sync] needs the file: what msync(2) writes
// stays in the device's cache until F_FULLFSYNC.
const SyncNeedsFile = true

const mapNoReserve = 0 // darwin sets no swap space aside

// MADV_PAGEOUT is only in kernels made for testing.
func adviceCode(a Advice) (int, bool) {
	switch a {
	case Normal:
		return unix.MADV_NORMAL, true
	case Random:
		return unix.MADV_RANDOM, true
	case Sequential:
		return unix.MADV_SEQUENTIAL, true
	case WillNeed:
		return unix.MADV_WILLNEED, true
	case Free:
		return unix.MADV_FREE, true
	}
	return 0, false
}

// ResidencyKnown tells whether the kernel tells this process the truth about
// which pages of f are in memory: mincore(2) asks the page cache for anyone.
func (f File) ResidencyKnown() bool { return true }
