package sys

import "golang.org/x/sys/unix"

const mapNoReserve = 0 // FreeBSD knows no such promise

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
	case DontDump:
		return unix.MADV_NOCORE, true
	case DoDump:
		return unix.MADV_CORE, true
	case Free:
		return unix.MADV_FREE, true
	}
	return 0, false
}

// ResidencyKnown tells whether [Region.Resident] is told the truth. By default
// (sysctl vm.mincore_mapped=1, since FreeBSD 12) mincore(2) counts a page when
// this process has it mapped, as Windows does; with 0, when it is in memory.
func (f File) ResidencyKnown() bool { return true }
