package contender

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawMap is open, fstat, mmap.
func rawMap(path string, flag, prot int) (int, []byte, error) {
	fd, err := unix.Open(path, flag|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, nil, errors.Join(err, unix.Close(fd))
	}
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(st.Size), prot, unix.MAP_SHARED)
	if err != nil {
		return 0, nil, errors.Join(err, unix.Close(fd))
	}
	return fd, unsafe.Slice((*byte)(p), int(st.Size)), nil
}

// rawUnmap is munmap, close. x/sys's Munmap would look for b in a map of its own.
func rawUnmap(fd int, b []byte) error {
	err := unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)))
	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	return err
}
