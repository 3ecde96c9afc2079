package sys

import (
	"errors"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TellsPageCache tells whether [Region.Resident] is about the page cache of the
// file, and not about this process alone.
const TellsPageCache = true

// CacheStat is what cachestat(2) says of a range of a file, each in pages. The
// kernel counts dirty and writeback by folio: one changed byte makes every page
// of its folio count.
type CacheStat struct {
	Cached          uint64
	Dirty           uint64
	Writeback       uint64
	Evicted         uint64 // have been in memory, and the kernel remembers it
	RecentlyEvicted uint64 // of these, so lately that reading them again means that memory is short
}

// CacheStat asks about the pages that hold [off, off+n) (cachestat(2), Linux 6.5).
// It fails with EPERM for who neither owns the file nor may write it, and is an
// [Unsupported] where the kernel or the file system has no such call.
func (f File) CacheStat(off, n int64) (CacheStat, error) {
	if n == 0 { // which would mean: to the end
		return CacheStat{}, nil
	}
	var s unix.Cachestat_t
	err := retry(func() error {
		return unix.Cachestat(uint(f.fd()), &unix.CachestatRange{Off: uint64(off), Len: uint64(n)}, &s, 0)
	})
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EOPNOTSUPP) {
		return CacheStat{}, unsupported("cachestat (Linux 6.5), by this kernel and file system,")
	}
	return CacheStat{s.Cache, s.Dirty, s.Writeback, s.Evicted, s.Recently_evicted}, err
}

// EvictRange asks the kernel to drop the clean pages of [off, off+n) that nobody
// maps (posix_fadvise(2) with POSIX_FADV_DONTNEED); n of 0 means to the end. Of
// pages that the range covers in part it drops only the file's last.
func (f File) EvictRange(off, n int64) error {
	return retry(func() error { return unix.Fadvise(f.fd(), off, n, unix.FADV_DONTNEED) })
}

// ReadExactly turns reading ahead off for this descriptor (POSIX_FADV_RANDOM):
// a read then loads the pages it was asked for and no others.
func (f File) ReadExactly() error {
	return retry(func() error { return unix.Fadvise(f.fd(), 0, 0, unix.FADV_RANDOM) })
}

// ReadFarAhead doubles how far reads in order run ahead (POSIX_FADV_SEQUENTIAL).
func (f File) ReadFarAhead() error {
	return retry(func() error { return unix.Fadvise(f.fd(), 0, 0, unix.FADV_SEQUENTIAL) })
}

// WriteOut writes the dirty pages of [off, off+n) and waits for the device to take
// them (sync_file_range(2)). They are clean then, which promises no durability.
func (f File) WriteOut(off, n int64) error {
	const all = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	return retry(func() error { return unix.SyncFileRange(f.fd(), off, n, all) })
}

// NextData returns the first range at or after off that is not a hole, as far as
// the file system tells (lseek(2) with SEEK_DATA and SEEK_HOLE). It is empty, at
// the end of the file, when there is none. A file system that keeps no holes
// returns everything.
func (f File) NextData(off, size int64) (begin, end int64, err error) {
	if off >= size {
		return size, size, nil
	}
	begin, err = unix.Seek(f.fd(), off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size, size, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return off, size, nil
	case err != nil:
		return 0, 0, err
	}
	end, err = unix.Seek(f.fd(), begin, unix.SEEK_HOLE)
	switch {
	case errors.Is(err, unix.ENXIO): // it became shorter in between
		return size, size, nil
	case err != nil:
		return begin, size, nil
	}
	return min(begin, size), min(end, size), nil
}

// DeviceInode names a file as /proc/PID/maps and stat(2) do.
type DeviceInode struct {
	Major, Minor uint32
	Inode        uint64
}

// DeviceInode asks fstat(2). On btrfs, overlayfs and others with devices of their
// own /proc/PID/maps has another name for the same file.
func (f File) DeviceInode() (DeviceInode, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd(), &st); err != nil {
		return DeviceInode{}, err
	}
	device := uint64(st.Dev)
	return DeviceInode{unix.Major(device), unix.Minor(device), st.Ino}, nil
}

// Changed is when the file's contents last changed, in ns since 1970 (fstat(2)).
func (f File) Changed() (int64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd(), &st); err != nil {
		return 0, err
	}
	return st.Mtim.Nano(), nil
}

// OwnNumbers tells whether the processes under proc, usually "/proc", have the numbers
// that system calls of this process know them by. A process in a PID namespace of its
// own, with the /proc of another, meets other processes by them.
func OwnNumbers(proc string) bool {
	self, err := os.Readlink(proc + "/self")
	return err != nil || self == strconv.Itoa(os.Getpid())
}

// Process is a handle of a running process (pidfd_open(2)): unlike its number it
// can not come to mean another one.
type Process struct{ fd int }

// OpenProcess opens process pid.
func OpenProcess(pid int) (Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	return Process{fd}, err
}

// Close closes the handle.
func (p Process) Close() error { return unix.Close(p.fd) }

// PageOut evicts the pages that the process maps at [addr, addr+n) and nobody
// else does (process_madvise(2) with MADV_PAGEOUT, Linux 5.10). It needs the
// right to trace the process and CAP_SYS_NICE.
func (p Process) PageOut(addr, n uint64) error {
	for n > 0 {
		if addr > uint64(^uintptr(0)) {
			return unix.ENOMEM // another process of 64 bits, seen from 32
		}
		vec := struct{ base, length uintptr }{uintptr(addr), uintptr(min(n, 1<<30))} // struct iovec
		done, _, errno := unix.Syscall6(unix.SYS_PROCESS_MADVISE, uintptr(p.fd), uintptr(unsafe.Pointer(&vec)), 1, unix.MADV_PAGEOUT, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return errno
		}
		if done == 0 {
			return nil
		}
		addr += uint64(done)
		n -= uint64(done)
	}
	return nil
}

// PageOutSelf is [Process.PageOut] for an address of this process, which needs no
// rights but those to the file (madvise(2) with MADV_PAGEOUT).
func PageOutSelf(addr, n uint64) error {
	return retry(func() error {
		_, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(addr), uintptr(n), unix.MADV_PAGEOUT)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// InodeOfPath is the number of what path names (stat(2)).
func InodeOfPath(path string) (uint64, error) {
	var st unix.Stat_t
	err := retry(func() error { return unix.Stat(path, &st) })
	return st.Ino, err
}
