package sys

import (
	"errors"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	openDirect = unix.O_DIRECT
	openPath   = unix.O_PATH
)

// Reopen opens the file that f has open once more, by way of /proc/self/fd, so that
// it is the same file whatever its path names now: for what f was opened for, without
// O_APPEND and O_DIRECT. To take the flags off f, or off a duplicate, would take them
// off everybody's descriptor of the same open.
func (f File) Reopen() (File, error) {
	flags, err := unix.FcntlInt(uintptr(f.fd()), unix.F_GETFL, 0)
	if err != nil {
		return File{}, err
	}
	mode := flags&(unix.O_ACCMODE|unix.O_SYNC|unix.O_DSYNC) | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY | openLargeFile
	var fd int
	err = retry(func() (err error) {
		fd, err = unix.Open("/proc/self/fd/"+strconv.Itoa(f.fd()), mode, 0)
		return err
	})
	if err != nil {
		return File{}, err
	}
	return File{fd + 1}, nil
}

// Fixed tells what forbids one of the changes, whatever the descriptor was opened
// for: a seal of a memfd (fcntl F_GET_SEALS), an attribute (statx(2)), a file system
// that is mounted for reading only (fstatfs(2)). It is nil where nothing does, or
// where the system does not tell.
func (f File) Fixed(changes Change) error {
	if names := f.seals(changes); names != "" {
		return &Fixed{"sealed with " + names + " (memfd)"}
	}
	attributes := f.attributes()
	switch {
	case attributes&unix.STATX_ATTR_IMMUTABLE != 0:
		return &Fixed{"immutable (chattr +i)"}
	case attributes&unix.STATX_ATTR_APPEND != 0 && changes&^Growth != 0:
		return &Fixed{"append-only (chattr +a)"}
	case attributes&unix.STATX_ATTR_VERITY != 0:
		return &Fixed{"fixed by fs-verity"}
	}
	var fs unix.Statfs_t
	if unix.Fstatfs(f.fd(), &fs) == nil && fs.Flags&unix.ST_RDONLY != 0 {
		return &Fixed{"on a file system that is mounted for reading only"}
	}
	return nil
}

// sealNames are the seals that forbid something, by what they forbid.
var sealNames = []struct {
	seal    int
	name    string
	forbids Change
}{
	{unix.F_SEAL_WRITE, "F_SEAL_WRITE", Stores},
	{unix.F_SEAL_FUTURE_WRITE, "F_SEAL_FUTURE_WRITE", Stores},
	{unix.F_SEAL_GROW, "F_SEAL_GROW", Growth},
	{unix.F_SEAL_SHRINK, "F_SEAL_SHRINK", Shrinking},
}

// seals names the seals that forbid one of the changes, joined by "|".
func (f File) seals(changes Change) string {
	seals, err := unix.FcntlInt(uintptr(f.fd()), unix.F_GET_SEALS, 0)
	if err != nil { // most files have none
		return ""
	}
	var names []string
	for _, s := range sealNames {
		if seals&s.seal != 0 && changes&s.forbids != 0 {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, "|")
}

// attributes asks statx(2), and ioctl(2) with FS_IOC_GETFLAGS where that is refused.
func (f File) attributes() (attributes uint64) {
	var st unix.Statx_t
	err := unix.Statx(f.fd(), "", unix.AT_EMPTY_PATH, 0, &st)
	if err == nil {
		return st.Attributes
	}
	if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return 0
	}
	const immutable, appendOnly = 0x10, 0x20 // FS_IMMUTABLE_FL, FS_APPEND_FL of linux/fs.h
	flags, err := unix.IoctlGetInt(f.fd(), unix.FS_IOC_GETFLAGS)
	if err == nil && flags&immutable != 0 {
		attributes |= unix.STATX_ATTR_IMMUTABLE
	}
	if err == nil && flags&appendOnly != 0 {
		attributes |= unix.STATX_ATTR_APPEND
	}
	return attributes
}
