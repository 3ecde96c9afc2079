package sys

import (
	"errors"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Alignment is what direct I/O on a file asks of a transfer: in memory, and of
// its offset and length. Both are powers of two.
type Alignment struct{ Memory, Offset int64 }

// Fits tells whether p may be transferred to or from off.
func (a Alignment) Fits(p []byte, off int64) bool {
	address := int64(uintptr(unsafe.Pointer(unsafe.SliceData(p))))
	return address&(a.Memory-1) == 0 && (off|int64(len(p)))&(a.Offset-1) == 0
}

// OpenDirect opens the file that f has open once more, for direct I/O, which goes
// by the page cache (O_DIRECT by way of /proc/self/fd, so that it is the same file
// whatever its path names now). Where the file system has none the error is an
// [Unsupported].
func (f File) OpenDirect() (File, Alignment, error) {
	a := Alignment{Memory: 4096, Offset: 4096}
	var st unix.Statx_t
	err := unix.Statx(f.fd(), "", unix.AT_EMPTY_PATH, unix.STATX_DIOALIGN, &st)
	if err == nil && st.Mask&unix.STATX_DIOALIGN != 0 {
		a = Alignment{Memory: int64(st.Dio_mem_align), Offset: int64(st.Dio_offset_align)}
	}
	if a.Memory == 0 || a.Offset == 0 {
		return File{}, a, unsupported("direct I/O on this file system")
	}
	mode := unix.O_CLOEXEC | unix.O_DIRECT | unix.O_RDONLY | openLargeFile
	if f.Writable() {
		mode = mode&^unix.O_RDONLY | unix.O_RDWR
	}
	var fd int
	err = retry(func() (err error) {
		fd, err = unix.Open("/proc/self/fd/"+strconv.Itoa(f.fd()), mode, 0)
		return err
	})
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT): // no O_DIRECT; no /proc
		return File{}, a, unsupported("direct I/O on this file")
	case err != nil:
		return File{}, a, err
	}
	return File{fd + 1}, a, nil
}

// ReadOnce is one pread(2): it may deliver less than asked for, and nothing at
// the end of the file.
func (f File) ReadOnce(p []byte, off int64) (n int, err error) {
	err = retry(func() error { n, err = unix.Pread(f.fd(), p, off); return err })
	return max(n, 0), err
}

// WriteOnce is one pwrite(2).
func (f File) WriteOnce(p []byte, off int64) (n int, err error) {
	err = retry(func() error { n, err = unix.Pwrite(f.fd(), p, off); return err })
	return max(n, 0), err
}

// IsInvalid tells whether err says that the arguments do not suit (EINVAL), as
// direct I/O does that is not aligned.
func IsInvalid(err error) bool { return errors.Is(err, unix.EINVAL) }
