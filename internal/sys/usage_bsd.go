//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// ReadUsage asks getrusage(2) for the process (RUSAGE_SELF); a thread's own is
// not told on all of these systems.
func ReadUsage(bool) (Usage, error) { return rusage(unix.RUSAGE_SELF) }
