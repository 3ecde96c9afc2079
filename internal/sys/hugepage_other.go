//go:build !linux

package sys

// HugePage returns the size of the pages of a file whose pages are not [PageSize].
func (f File) HugePage(_ Stat) int { return 0 }
