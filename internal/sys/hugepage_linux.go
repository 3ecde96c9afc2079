package sys

import "golang.org/x/sys/unix"

// HugePage returns the size of the pages of a file of hugetlbfs, of which st is the
// status, and 0 for every other file.
func (f File) HugePage(st Stat) int {
	if st.Block <= int64(PageSize) || st.Block > 1<<30 {
		return 0
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(f.fd(), &fs); err != nil || uint32(fs.Type) != unix.HUGETLBFS_MAGIC {
		return 0
	}
	return int(st.Block)
}
