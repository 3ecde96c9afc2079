//go:build !linux && !darwin && !freebsd && !openbsd && !netbsd && !dragonfly && !windows

package sys

// ReadUsage is unsupported.
func ReadUsage(bool) (Usage, error) {
	return Usage{}, unsupported("a count of page faults")
}
