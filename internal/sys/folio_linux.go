package sys

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Dirty counts the pages of [off, off+n) of the file that are in memory and not
// yet on the device (cachestat(2), Linux 6.5; for who owns the file or may write
// it). A folio of which a byte was stored to counts with all of its pages.
func (f File) Dirty(off, n int64) (pages int64, err error) {
	var stat unix.Cachestat_t
	err = unix.Cachestat(uint(f.fd()), &unix.CachestatRange{Off: uint64(off), Len: uint64(n)}, &stat, 0)
	return int64(stat.Dirty), err
}

// Unmap takes the translations of [off, off+n), whole pages of a shared mapping,
// away: the pages stay in memory, changed ones stay changed, and the next access
// faults (madvise(2) with MADV_DONTNEED).
func (r Region) Unmap(off, n int) error { return r.Advise(DontNeed, off, n) }

// SplitsFolios tells whether [File.SplitFolio] may do anything.
const SplitsFolios = true

// SplitFolio makes single pages of the folio of the page cache that holds the byte
// at off, if it is clean, in memory and only mapped by this process. That its page
// there is cold (madvise(2) with MADV_COLD) and the others are not is what splits
// it: it is in one place of the list of pages to be reclaimed, and they in another.
func (f File) SplitFolio(off int64) error {
	var b [1]byte
	if _, err := f.ReadNoWait(b[:], off); err != nil {
		return err
	}
	r, err := MapFile(f, off&^int64(PageSize-1), PageSize, ProtRead, Shared)
	if err != nil {
		return err
	}
	return errors.Join(r.Advise(PopulateRead, 0, PageSize), r.Advise(Cold, 0, PageSize), r.Release())
}

// MappedTogether tells how many pages of [off, off+n) one fault maps: it unmaps the
// range, has the page in its middle, which must be in memory, mapped for loads,
// and counts. Fault-around maps up to 64 KiB of single pages, or the whole of a
// larger folio.
func (r Region) MappedTogether(off, n int) (int, error) {
	file, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if err := r.Unmap(off, n); err != nil {
		return 0, err
	}
	middle := off + n/2&^(PageSize-1)
	if err := r.Advise(PopulateRead, middle, PageSize); err != nil {
		return 0, err
	}
	entries := make([]byte, n/PageSize*8)
	if _, err := file.ReadAt(entries, int64(r.Addr()+uintptr(off))/int64(PageSize)*8); err != nil {
		return 0, err
	}
	count := 0
	for ; len(entries) > 0; entries = entries[8:] {
		count += int(binary.NativeEndian.Uint64(entries) >> 63) // present
	}
	return count, nil
}
