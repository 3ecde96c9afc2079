package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Vacates tells whether there is a [Vacate].
const Vacates = true

// TableSpan is how many bytes of addresses one page of the kernel's page tables is
// for: [Vacate] of ranges that are aligned to that gives their tables back too.
// It is that of systems whose entries have 8 bytes.
var TableSpan = PageSize / 8 * PageSize

// Vacate gives the memory of a range of an anonymous region back, and the kernel's
// own page tables for it, and keeps its addresses, readable and writable; zeros
// stand there afterwards, and at no moment anything else. MADV_DONTNEED leaves the
// tables, 4 KiB for each 2 MiB that was ever touched, but for kernels since 6.14
// that were built for it; so the range is mapped anew in its place (mmap(2) with
// MAP_FIXED), and without huge pages, as the region around it must be.
func Vacate(r Range) error {
	place := unsafe.Add(r.Region.base, r.Off)
	_, err := unix.MmapPtr(-1, 0, place, uintptr(r.N),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_FIXED|mapNoReserve)
	if err != nil {
		return err
	}
	_ = r.Region.Advise(NoHugePage, r.Off, r.N) // where there are none, there is no advice
	return nil
}
