package sys

// Span is the half-open range [Off, Off+Len) of a region, whole pages.
type Span struct{ Off, Len int }

// Finder is a way to find the pages of a private region that were stored to.
type Finder uint8

// The ways, best first.
const (
	FindNone    Finder = iota // none: compare with the file
	FindPagemap               // /proc/self/pagemap, eight bytes a page
	FindScan                  // the PAGEMAP_SCAN ioctl of Linux 6.7
)
