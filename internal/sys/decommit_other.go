//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package sys

// Decommit zeroes ranges of anonymous regions. Their memory is the garbage
// collector's and stays taken.
func Decommit(ranges []Range) error {
	for _, r := range ranges {
		clear(r.Region.Bytes()[r.Off : r.Off+r.N])
	}
	return nil
}
