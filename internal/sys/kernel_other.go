//go:build !linux && !darwin && !freebsd && !openbsd && !netbsd && !dragonfly && !windows

package sys

// KernelRelease is not known.
func KernelRelease() string { return "" }
