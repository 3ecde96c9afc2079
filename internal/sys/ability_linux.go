package sys

import (
	"encoding/binary"
	"errors"
	"os"
	"strconv"
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
	AbleFrames
	AbleTracefs
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
		err = ableProcessAdvice()
	case AbleUserfault:
		err = ableUserfault()
	case AblePagemapScan:
		err = ablePagemapScan()
	case AbleUring:
		err = ableUring()
	case AblePerf:
		err = ablePerf()
	case AbleFrames:
		err = ableFrames()
	case AbleTracefs:
		err = ableTracefs()
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

// ableProcessAdvice asks to page nothing out of other processes: whether this one has
// the rights is looked at first. Those of other users count, if there are any; one is
// enough, since some may be protected from everybody.
func ableProcessAdvice() error {
	_, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, ^uintptr(0), 0, 0, unix.MADV_PAGEOUT, 0, 0)
	if err := exists(errno); err != nil {
		return err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	var ofMine, ofOthers []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == unix.Getpid() {
			continue
		}
		if st, err := e.Info(); err == nil && OwnedBy(st, unix.Geteuid()) {
			ofMine = append(ofMine, pid)
		} else if err == nil {
			ofOthers = append(ofOthers, pid)
		}
	}
	tried, refused := adviseAny(ofOthers)
	if !tried {
		_, refused = adviseAny(ofMine)
	}
	return refused
}

// adviseAny is nil where one of the processes may be advised.
func adviseAny(pids []int) (tried bool, refused error) {
	for _, pid := range pids {
		err := adviseNothing(pid)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, unix.ESRCH) { // it has ended, or is the kernel's own
			refused, tried = err, true
		}
	}
	return tried, refused
}

func adviseNothing(pid int) error {
	p, err := OpenProcess(pid)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, uintptr(p.fd), 0, 0, unix.MADV_PAGEOUT, 0, 0)
	return errors.Join(errnoOrNil(errno), p.Close())
}

// ableUserfault asks for what tracks written pages.
func ableUserfault() error {
	const (
		userModeOnly = 1          // UFFD_USER_MODE_ONLY of linux/userfaultfd.h
		uffdAPI      = 0xaa       // UFFD_API
		uffdioAPI    = 0xc018aa3f // UFFDIO_API
		wpAsync      = 1 << 15    // UFFD_FEATURE_WP_ASYNC
	)
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK|userModeOnly, 0, 0)
	if errno != 0 {
		return errno
	}
	argument := struct{ api, features, ioctls uint64 }{api: uffdAPI, features: wpAsync}
	_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, uffdioAPI, uintptr(unsafe.Pointer(&argument)))
	if errno == unix.EINVAL { // it does not know the feature
		errno = unix.ENOSYS
	}
	return errors.Join(errnoOrNil(errno), unix.Close(int(fd)))
}

// ableUring makes a ring as it is used, with its mappings.
func ableUring() error {
	var parameters [120]byte // struct io_uring_params of linux/io_uring.h
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&parameters)), 0)
	if err := closeProbe(int(fd), errno); err != nil {
		return err
	}
	r, err := NewRing(1)
	if err != nil {
		return err
	}
	return errors.Join(r.Close(), r.Release())
}

// ableFrames looks up the frame of a page of this process's own: without
// CAP_SYS_ADMIN the kernel opens the tables, and shows no frame.
func ableFrames() error {
	r, err := MapAnonymous(PageSize, ProtRead|ProtWrite, false)
	if err != nil {
		return err
	}
	defer func() { _ = r.Release() }()
	r.TouchStore(0)
	table, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return err
	}
	defer table.Close()
	var entry [8]byte
	if _, err := table.ReadAt(entry[:], int64(r.Addr())/int64(PageSize)*8); err != nil {
		return err
	}
	flags, err := os.Open("/proc/kpageflags")
	if err != nil {
		return err
	}
	defer flags.Close()
	const frames = 1<<55 - 1
	frame := binary.NativeEndian.Uint64(entry[:]) & frames
	if frame == 0 {
		return unix.EPERM
	}
	_, err = flags.ReadAt(entry[:], int64(frame)*8)
	return err
}

// ableTracefs makes a mount of it that is nowhere in the tree.
func ableTracefs() error {
	fs, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fs) }()
	if err := unix.FsconfigCreate(fs); err != nil {
		return err
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(mount)
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

// ablePerf listens to this thread's own page faults, with the smallest buffer.
func ablePerf() error {
	p, err := OpenPerfFaults(PerfOptions{CPU: -1, RingPages: 8})
	if err != nil {
		return err
	}
	p.Close()
	return nil
}
