package sys

import (
	"errors"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Decommit gives the memory of ranges of anonymous regions back and keeps their
// addresses, readable and writable; zeros stand there afterwards. Many ranges
// cost one system call, process_madvise(2) on this process with MADV_DONTNEED,
// where the kernel allows that (Linux 6.13), else an madvise(2) each. Memory that
// is locked (mlock(2), mlockall(2)) is given back too, and stays locked when it is
// used again.
func Decommit(ranges []Range) error {
	_, err := decommit(ranges)
	return err
}

// decommit tells whether any of it was locked.
func decommit(ranges []Range) (locked bool, err error) {
	refused := false
	for len(ranges) > 1 && !noProcessMadvise.Load() {
		part := ranges[:min(len(ranges), decommitBatch)]
		done, err := decommitMany(part)
		if err != nil || done == 0 {
			refused = errors.Is(err, unix.EINVAL)
			break
		}
		ranges = ranges[done:]
	}
	for _, r := range ranges {
		err := r.Region.Advise(DontNeed, r.Off, r.N)
		if errors.Is(err, unix.EINVAL) { // the answer for locked memory
			locked = true
			err = r.Region.dropLocked(r.Off, r.N)
		}
		if err != nil {
			return locked, err
		}
	}
	if refused && !locked {
		noProcessMadvise.Store(true)
	}
	return locked, nil
}

// madvDontNeedLocked is MADV_DONTNEED_LOCKED of asm-generic/mman-common.h, Linux 5.18.
const madvDontNeedLocked = 24

// dropLocked is MADV_DONTNEED of locked memory, which stays locked.
func (r Region) dropLocked(off, n int) error {
	err := retry(func() error { return unix.Madvise(r.slice(off, n), madvDontNeedLocked) })
	if !errors.Is(err, unix.EINVAL) {
		return err
	}
	return r.relockDropped(off, n)
}

// relockDropped is dropLocked for kernels that do not know it.
func (r Region) relockDropped(off, n int) error {
	if err := r.Unlock(off, n); err != nil {
		return err
	}
	return errors.Join(r.Advise(DontNeed, off, n), r.LockLazily(off, n))
}

// decommitBatch is how many ranges one call takes: the kernel allows 1024.
const decommitBatch = 512

// noProcessMadvise is set when the kernel has refused the call for good.
var noProcessMadvise atomic.Bool

// pidfdSelf stands for the calling process where a pidfd is wanted
// (PIDFD_SELF_THREAD_GROUP of linux/pidfd.h, Linux 6.14).
const pidfdSelf = -10001

// decommitMany returns how many of the ranges, from the first, are done.
func decommitMany(ranges []Range) (int, error) {
	var vec [decommitBatch]unix.Iovec
	for i, r := range ranges {
		vec[i].Base = (*byte)(unsafe.Add(r.Region.base, r.Off))
		vec[i].SetLen(r.N)
	}
	done, err := processMadvise(pidfdSelf, vec[:len(ranges)])
	if errors.Is(err, unix.EBADF) { // Linux 6.13
		var fd int
		if fd, err = unix.PidfdOpen(os.Getpid(), 0); err == nil {
			done, err = processMadvise(fd, vec[:len(ranges)])
			_ = unix.Close(fd)
		}
	}
	if err != nil {
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOMEM):
		case errors.Is(err, unix.EINVAL): // it does not know the call, or the memory is locked
		default:
			noProcessMadvise.Store(true)
		}
		return 0, err
	}
	return wholeRanges(ranges, done), nil
}

func processMadvise(fd int, vec []unix.Iovec) (uintptr, error) {
	done, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, uintptr(fd),
		uintptr(unsafe.Pointer(&vec[0])), uintptr(len(vec)), unix.MADV_DONTNEED, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return done, nil
}

// wholeRanges is how many ranges the first done bytes of them are. One that is
// done in part is done again.
func wholeRanges(ranges []Range, done uintptr) int {
	for i, r := range ranges {
		if done < uintptr(r.N) {
			return i
		}
		done -= uintptr(r.N)
	}
	return len(ranges)
}
