package sys

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Extent is a piece of a file and where on its device it is, in bytes.
type Extent struct{ Logical, Physical, Length int64 }

// fiemap mirrors struct fiemap of include/uapi/linux/fiemap.h, with room for
// some extents at its end.
type fiemap struct {
	start, length                  uint64
	flags, mapped, count, reserved uint32
	extents                        [fiemapBatch]fiemapExtent
}

type fiemapExtent struct {
	logical, physical, length uint64
	reserved64                [2]uint64
	flags                     uint32
	reserved                  [3]uint32
}

const (
	fiemapBatch     = 256
	fsIocFiemap     = 0xc020660b
	extentLast      = 0x1
	extentUnknown   = 0x2
	extentDelalloc  = 0x4
	extentEncoded   = 0x8
	extentNotPlaced = extentUnknown | extentDelalloc | extentEncoded
)

// Extents asks the file system where the file's data is on its device (ioctl(2)
// with FS_IOC_FIEMAP), for at most limit pieces. Pieces without a place of their
// own, such as compressed ones, are left out. Without such a map it is an error
// that matches [errors.ErrUnsupported].
func (f File) Extents(limit int) ([]Extent, error) {
	var found []Extent
	request := new(fiemap)
	for start := uint64(0); len(found) < limit; {
		request.start, request.length, request.flags = start, ^uint64(0)-start, 0
		request.count, request.mapped = fiemapBatch, 0
		err := retry(func() error {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(f.fd()), fsIocFiemap, uintptr(unsafe.Pointer(request)))
			return errnoOrNil(errno)
		})
		if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil, unsupported("a map of a file's place on its device (FIEMAP), on this file system,")
		}
		if err != nil {
			return nil, err
		}
		batch := request.extents[:min(request.mapped, fiemapBatch)]
		if len(batch) == 0 {
			break
		}
		for _, e := range batch {
			start = e.logical + e.length
			if e.flags&extentNotPlaced == 0 {
				found = append(found, Extent{int64(e.logical), int64(e.physical), int64(e.length)})
			}
		}
		if batch[len(batch)-1].flags&extentLast != 0 {
			break
		}
	}
	return found[:min(len(found), limit)], nil
}

func errnoOrNil(errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
