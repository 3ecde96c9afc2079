package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

const openLargeFile = 0 // off_t always has 64 bits

// Allocate gives the range [off, off+n) blocks on the device and makes the file
// at least off+n bytes long: fcntl(2) F_PREALLOCATE, of one piece if the device
// has one that long and of several if not, then ftruncate(2). Where the file
// system has no such call, zeros are written instead to a range that must hold
// none yet.
func (f File) Allocate(off, n int64) error {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd(), &st); err != nil {
		return err
	}
	// F_PEOFPOSMODE counts from the end of what the file has on the device.
	if missing := off + n - st.Blocks*512; missing > 0 {
		err := f.preallocate(missing)
		if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
			return f.writeZeros(off, n)
		}
		if err != nil {
			return err
		}
	}
	if off+n <= st.Size {
		return nil
	}
	return f.Truncate(off + n)
}

func (f File) preallocate(n int64) error {
	store := unix.Fstore_t{Flags: unix.F_ALLOCATECONTIG | unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: n}
	if err := f.fstore(store); err == nil {
		return nil
	}
	store.Flags = unix.F_ALLOCATEALL
	return f.fstore(store)
}

func (f File) fstore(store unix.Fstore_t) error {
	return retry(func() error { return unix.FcntlFstore(uintptr(f.fd()), unix.F_PREALLOCATE, &store) })
}

// Sync makes the file's data and all of its metadata durable: fcntl(2) with
// F_FULLFSYNC, since fsync(2) leaves them in the device's cache there. A file
// system that does not know it (SMB, some others) has fsync(2).
func (f File) Sync() error {
	err := retry(func() error {
		_, err := unix.FcntlInt(uintptr(f.fd()), unix.F_FULLFSYNC, 0)
		return err
	})
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EINVAL) {
		return retry(func() error { return unix.Fsync(f.fd()) })
	}
	return err
}

// spaceLeft is how many blocks an ordinary user may still have (fstatfs(2)).
func (f File) spaceLeft() (int64, error) {
	var st unix.Statfs_t
	err := unix.Fstatfs(f.fd(), &st)
	return int64(st.Bavail), err
}
