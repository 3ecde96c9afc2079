package sys

import "golang.org/x/sys/unix"

const mapNoReserve = 0 // OpenBSD knows no such promise

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

// Resident is [Unsupported]: OpenBSD has no mincore(2) since 6.5.
func (r Region) Resident(int, []PageStatus) error { return unsupported("residency") }

// ResidencyKnown tells whether [Region.Resident] is told the truth. It leaves it
// to Resident to say that there is none.
func (f File) ResidencyKnown() bool { return true }

// spaceLeft is how many blocks an ordinary user may still have (fstatfs(2)).
func (f File) spaceLeft() (int64, error) {
	var st unix.Statfs_t
	err := unix.Fstatfs(f.fd(), &st)
	return int64(st.F_bavail), err
}
