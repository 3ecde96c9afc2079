package sys

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ability is something of the kernel that [Able] can try.
type Ability uint8

// The abilities that can be tried without effect on anything.
const (
	AbleCachestat Ability = iota
	AblePopulate
	AbleProcessAdvice
	AbleUserfault
	AblePagemapScan
	AbleUring
	AblePerf
)

// Able tries whether the kernel has an ability and this user may use it: nil, an
// [Unsupported] where the kernel has none, else how it refuses. Nothing of what it
// tries stays.
func Able(a Ability) error {
	var err error
	switch a {
	case AbleCachestat:
		err = exists(unix.Cachestat(^uint(0), &unix.CachestatRange{}, &unix.Cachestat_t{}, 0))
	case AblePopulate:
		err = ablePopulate()
	case AbleProcessAdvice:
		_, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, ^uintptr(0), 0, 0, unix.MADV_PAGEOUT, 0, 0)
		err = exists(errno)
	case AbleUserfault:
		const userModeOnly = 1 // UFFD_USER_MODE_ONLY of linux/userfaultfd.h
		fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK|userModeOnly, 0, 0)
		err = closeProbe(int(fd), errno)
	case AblePagemapScan:
		err = ablePagemapScan()
	case AbleUring:
		var parameters [120]byte // struct io_uring_params of linux/io_uring.h
		fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&parameters)), 0)
		err = closeProbe(int(fd), errno)
	case AblePerf:
		err = ablePerf()
	}
	if errors.Is(err, unix.ENOSYS) {
		return unsupported("this call")
	}
	return err
}

// exists: a call that finds its descriptor wrong is there.
func exists(err error) error {
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.Errno(0)) {
		return nil
	}
	return err
}

func closeProbe(fd int, errno unix.Errno) error {
	if errno != 0 {
		return errno
	}
	return unix.Close(fd)
}

func ablePopulate() error {
	r, err := MapAnonymous(PageSize, ProtRead, false)
	if err != nil {
		return err
	}
	err = r.Advise(PopulateRead, 0, PageSize)
	if UnknownAdvice(err) {
		err = unix.ENOSYS
	}
	return errors.Join(err, r.Release())
}

// ablePagemapScan asks with an argument that no kernel can accept: one that knows
// the request says so, any other that it does not know it.
func ablePagemapScan() error {
	fd, err := unix.Open("/proc/self/pagemap", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	const pagemapScan = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg) of linux/fs.h
	var argument [96]byte
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pagemapScan, uintptr(unsafe.Pointer(&argument)))
	err = errno
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EFAULT) {
		err = nil
	}
	if errors.Is(err, unix.ENOTTY) {
		err = unix.ENOSYS
	}
	return errors.Join(err, unix.Close(fd))
}

// ablePerf counts this thread's own page faults, in user mode.
func ablePerf() error {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_PAGE_FAULTS,
		Bits: unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv | unix.PerfBitDisabled,
	}
	attr.Size = uint32(unsafe.Sizeof(attr))
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
