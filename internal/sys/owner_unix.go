//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"os"
	"syscall"
)

// OwnLike gives f the owner and group of another file (fchown(2)), as far as it has
// not got them.
func OwnLike(f *os.File, other os.FileInfo) error {
	want, known := other.Sys().(*syscall.Stat_t)
	if !known {
		return unsupported("the owner of a file")
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if have, known := st.Sys().(*syscall.Stat_t); known && have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	return f.Chown(int(want.Uid), int(want.Gid))
}
