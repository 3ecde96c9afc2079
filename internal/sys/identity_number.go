//go:build openbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// Identity is the inode's number (fstat(2)), which can come back when a file is
// removed and another made.
func (f File) Identity() (Identity, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd(), &st); err != nil {
		return Identity{}, err
	}
	return identity(st.Ino, 0, 0), nil
}
