package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// nocowFlag has a file written in its place (FS_NOCOW_FL of linux/fs.h).
const nocowFlag = 0x00800000

// NoCopyOnWrite has the file system write the file, which must be empty, in its
// place from now on and never elsewhere (FS_IOC_SETFLAGS with FS_NOCOW_FL: btrfs,
// where it also does without checksums and compression). [Unsupported] where the
// file system has no such flag, which those have that write in place anyway, and
// some that do not.
func (f File) NoCopyOnWrite() error {
	flags, err := unix.IoctlGetInt(f.fd(), unix.FS_IOC_GETFLAGS)
	if err == nil && flags&nocowFlag == 0 {
		err = unix.IoctlSetPointerInt(f.fd(), unix.FS_IOC_SETFLAGS, flags|nocowFlag)
	}
	for _, unknown := range []error{unix.ENOTTY, unix.EOPNOTSUPP, unix.EINVAL, unix.ENOSYS} {
		if errors.Is(err, unknown) {
			return unsupported("writing a file in its place")
		}
	}
	return err
}
