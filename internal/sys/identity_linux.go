package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Identity is the inode's number and when it was made (statx(2) with
// STATX_BTIME; zero where the file system does not keep it, and where a sandbox
// refuses the call).
func (f File) Identity() (Identity, error) {
	var st unix.Statx_t
	err := retry(func() error {
		return unix.Statx(f.fd(), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st)
	})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) { // a sandbox
		var old unix.Stat_t
		if err := unix.Fstat(f.fd(), &old); err != nil {
			return Identity{}, err
		}
		return identity(old.Ino, 0, 0), nil
	}
	if err != nil {
		return Identity{}, err
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return identity(st.Ino, 0, 0), nil
	}
	return identity(st.Ino, st.Btime.Sec, int64(st.Btime.Nsec)), nil
}
