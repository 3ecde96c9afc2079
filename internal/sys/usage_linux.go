package sys

import "golang.org/x/sys/unix"

// ReadUsage asks getrusage(2): with thread for the calling thread alone
// (RUSAGE_THREAD), else for the process (RUSAGE_SELF).
func ReadUsage(thread bool) (Usage, error) {
	who := unix.RUSAGE_SELF
	if thread {
		who = unix.RUSAGE_THREAD
	}
	return rusage(who)
}
