//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"io/fs"
	"syscall"
)

// FileNumber tells a file from all others that there are now, whatever its names.
type FileNumber struct{ device, inode uint64 }

// SeveralNames returns the number of a file that has hard links besides the name by
// which it was asked for (stat(2)), and whether it has any.
func SeveralNames(info fs.FileInfo) (FileNumber, bool) {
	st, known := info.Sys().(*syscall.Stat_t)
	if !known || st.Nlink < 2 {
		return FileNumber{}, false
	}
	return FileNumber{uint64(st.Dev), uint64(st.Ino)}, true
}

// DeviceOfFile is the number of the file system that a file is on (stat(2)).
func DeviceOfFile(info fs.FileInfo) (device uint64, known bool) {
	st, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return uint64(st.Dev), true
}
