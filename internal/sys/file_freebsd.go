package sys

import "golang.org/x/sys/unix"

// posix_fallocate(2) returns the error and leaves errno alone.
func (f File) posixFallocate(off, n int64) unix.Errno {
	failed, _, errno := unix.Syscall(unix.SYS_POSIX_FALLOCATE, uintptr(f.fd()), uintptr(off), uintptr(n))
	return max(unix.Errno(failed), errno)
}

// spaceLeft is how many blocks an ordinary user may still have (fstatfs(2)).
func (f File) spaceLeft() (int64, error) {
	var st unix.Statfs_t
	err := unix.Fstatfs(f.fd(), &st)
	return int64(st.Bavail), err
}
