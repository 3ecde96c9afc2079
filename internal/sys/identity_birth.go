//go:build darwin || freebsd || netbsd

package sys

import "golang.org/x/sys/unix"

// Identity is the inode's number and when it was made (fstat(2)).
func (f File) Identity() (Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd(), &st); err != nil {
		return Identity{}, err
	}
	seconds, nanoseconds := st.Btim.Unix()
	return identity(st.Ino, seconds, nanoseconds), nil
}
