package sys

import "golang.org/x/sys/unix"

const mapNoReserve = 0 // DragonFly knows no such promise

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

// ResidencyKnown tells whether [Region.Resident] is told the truth: mincore(2)
// asks the page cache for anyone.
func (f File) ResidencyKnown() bool { return true }

// spaceLeft is how many blocks an ordinary user may still have (fstatfs(2)).
func (f File) spaceLeft() (int64, error) {
	var st unix.Statfs_t
	err := unix.Fstatfs(f.fd(), &st)
	return int64(st.Bavail), err
}
