//go:build !linux

package sys

// What only Linux tells, and what only Linux gains by.

// Dirty counts the pages of [off, off+n) of the file that are in memory and not yet
// on the device.
func (f File) Dirty(_, _ int64) (pages int64, err error) {
	return 0, unsupported("counting dirty pages")
}

// Unmap takes the translations of [off, off+n) away.
func (r Region) Unmap(_, _ int) error { return unsupported("unmapping pages that stay") }

// SplitsFolios tells whether [File.SplitFolio] may do anything.
const SplitsFolios = false

// SplitFolio makes single pages of the folio that holds the byte at off.
func (f File) SplitFolio(_ int64) error { return unsupported("splitting a folio") }

// MappedTogether tells how many pages of [off, off+n) one fault maps.
func (r Region) MappedTogether(_, _ int) (int, error) {
	return 0, unsupported("looking at a page table")
}
