package sys

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

const mapNoReserve = unix.MAP_NORESERVE

// SyncNeedsFile tells whether [Region.Sync] needs the file: msync(2) with MS_SYNC
// is fdatasync(2) of the range.
const SyncNeedsFile = false

var adviceCodes = [...]int{
	Normal:        unix.MADV_NORMAL,
	Random:        unix.MADV_RANDOM,
	Sequential:    unix.MADV_SEQUENTIAL,
	WillNeed:      unix.MADV_WILLNEED,
	Cold:          unix.MADV_COLD,
	PageOut:       unix.MADV_PAGEOUT,
	PopulateRead:  unix.MADV_POPULATE_READ,
	PopulateWrite: unix.MADV_POPULATE_WRITE,
	HugePage:      unix.MADV_HUGEPAGE,
	NoHugePage:    unix.MADV_NOHUGEPAGE,
	Collapse:      unix.MADV_COLLAPSE,
	DontFork:      unix.MADV_DONTFORK,
	DoFork:        unix.MADV_DOFORK,
	DontDump:      unix.MADV_DONTDUMP,
	DoDump:        unix.MADV_DODUMP,
	Mergeable:     unix.MADV_MERGEABLE,
	Unmergeable:   unix.MADV_UNMERGEABLE,
	DontNeed:      unix.MADV_DONTNEED,
	Free:          unix.MADV_FREE,
	Remove:        unix.MADV_REMOVE,
	WipeOnFork:    unix.MADV_WIPEONFORK,
	KeepOnFork:    unix.MADV_KEEPONFORK,
}

func adviceCode(a Advice) (int, bool) { return adviceCodes[a], true }

// UnknownAdvice tells whether err is how this kernel says that it does not know
// an advice that newer ones do.
func UnknownAdvice(err error) bool { return errors.Is(err, unix.EINVAL) }

// Resident fills status, one byte a page from the page at off, with what
// mincore(2) says. It says nothing true to a process that neither owns the file
// nor may write it: see [File.ResidencyKnown].
func (r Region) Resident(off int, status []PageStatus) error {
	if len(status) == 0 {
		return nil
	}
	vec := unsafe.Slice((*byte)(unsafe.Pointer(&status[0])), len(status))
	addr := uintptr(unsafe.Add(r.base, off))
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, addr, uintptr(len(vec)*PageSize), uintptr(unsafe.Pointer(&vec[0])))
	if errno != 0 {
		return errno
	}
	for i := range vec {
		vec[i] &= 1 // the other bits are reserved
	}
	return nil
}

// ResidencyKnown tells whether [Region.Resident] tells this process the truth about
// f. Since Linux 5.2 mincore(2) reports every page resident to anyone who neither
// owns the file nor may write it, gVisor does to everybody, and on hugetlbfs it
// looks no further than this process's page table.
func (f File) ResidencyKnown() bool {
	var fs unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(f.fd(), &fs) })
	return err == nil && uint32(fs.Type) != unix.HUGETLBFS_MAGIC && f.mincoreTells() == nil
}

// ProbeTells tells whether [Region.Probe] of a store knows a page that cannot be
// provided from one that may only be read.
const ProbeTells = true

// Probe asks the kernel to do what a load (or, with write, a store) at off would
// do, without raising a signal: MADV_POPULATE_READ or _WRITE of its page. A nil
// error says that the access would work now.
func (r Region) Probe(off int, write bool) error {
	page := off &^ (PageSize - 1)
	advice := PopulateRead
	if write {
		advice = PopulateWrite
	}
	err := r.Advise(advice, page, PageSize)
	switch {
	case errors.Is(err, unix.EFAULT):
		return ErrBus
	case errors.Is(err, unix.EINVAL):
		return ErrProtected
	}
	return err
}
