//go:build !linux

package sys

import "runtime"

// TellsPageCache tells whether [Region.Resident] is about the page cache of the
// file, and not about this process alone, as it is on Windows.
const TellsPageCache = runtime.GOOS == "darwin" || runtime.GOOS == "freebsd" || runtime.GOOS == "netbsd" || runtime.GOOS == "dragonfly"

// CacheStat is what cachestat(2) of Linux says of a range of a file, in pages.
type CacheStat struct{ Cached, Dirty, Writeback, Evicted, RecentlyEvicted uint64 }

// CacheStat is unsupported: only Linux has the call.
func (f File) CacheStat(int64, int64) (CacheStat, error) {
	return CacheStat{}, unsupported("cachestat")
}

// EvictRange is unsupported: no call here drops a file's pages from memory.
func (f File) EvictRange(int64, int64) error { return unsupported("dropping a file from memory") }

// ReadExactly is unsupported: reads run ahead as the system likes.
func (f File) ReadExactly() error { return unsupported("reading without reading ahead") }

// ReadFarAhead is unsupported.
func (f File) ReadFarAhead() error { return unsupported("reading further ahead") }

// WriteOut is [File.Sync]: there is no call for less.
func (f File) WriteOut(int64, int64) error { return f.Sync() }

// NextData returns everything from off on: holes are not asked for.
func (f File) NextData(off, size int64) (begin, end int64, err error) {
	return min(off, size), size, nil
}

// DeviceInode names a file as /proc/PID/maps of Linux does.
type DeviceInode struct {
	Major, Minor uint32
	Inode        uint64
}

// DeviceInode is unsupported: there is no /proc to compare it with.
func (f File) DeviceInode() (DeviceInode, error) {
	return DeviceInode{}, unsupported("/proc/PID/maps")
}

// Changed is unsupported.
func (f File) Changed() (int64, error) { return 0, unsupported("the time of the last change") }

// Process is a handle of a running process.
type Process struct{}

// OwnNumbers is about Linux's PID namespaces.
func OwnNumbers(string) bool { return true }

// OpenProcess is unsupported.
func OpenProcess(int) (Process, error) { return Process{}, unsupported("pidfd_open") }

// Close does nothing.
func (Process) Close() error { return nil }

// PageOut is unsupported.
func (Process) PageOut(uint64, uint64) error { return unsupported("process_madvise") }

// PageOutSelf is unsupported.
func PageOutSelf(uint64, uint64) error { return unsupported("MADV_PAGEOUT") }

// InodeOfPath is unsupported.
func InodeOfPath(string) (uint64, error) { return 0, unsupported("a file's number") }
