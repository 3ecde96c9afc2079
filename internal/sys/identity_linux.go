package sys

import "golang.org/x/sys/unix"

// Identity is the inode's number and when it was made (statx(2) with
// STATX_BTIME; zero where the file system does not keep it).
func (f File) Identity() (Identity, error) {
	var st unix.Statx_t
	err := retry(func() error {
		return unix.Statx(f.fd(), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st)
	})
	if err != nil {
		return Identity{}, err
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return identity(st.Ino, 0, 0), nil
	}
	return identity(st.Ino, st.Btime.Sec, int64(st.Btime.Nsec)), nil
}
