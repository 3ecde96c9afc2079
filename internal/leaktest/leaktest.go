// Package leaktest finds what a package's tests leave behind: goroutines, and
// descriptors of files and rings. Only tests import it.
package leaktest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// Run runs the tests of m and returns the exit status for TestMain: not 0 either if
// something leaked, which it names on standard error.
func Run(m *testing.M) int {
	before := openDescriptors()
	code := m.Run()
	// The one of js that hands the runtime's events to Go.
	if err := goleak.Find(goleak.IgnoreAnyFunction("runtime.handleEvent")); err != nil {
		fmt.Fprintln(os.Stderr, "leaked goroutines:", err)
		code = 1
	}
	if after := openDescriptors(); after > before {
		fmt.Fprintf(os.Stderr, "leaked descriptors: %d before the tests, %d after\n", before, after)
		code = 1
	}
	return code
}

// openDescriptors counts this process's files and rings; 0 where the system has no
// list of them. /dev/null, which go-fuse keeps, does not count, nor do the runtime's
// own epoll and event descriptors, which come when they are needed.
func openDescriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	count := 0
	for _, name := range names {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", name.Name()))
		if err == nil && target != os.DevNull && (filepath.IsAbs(target) || target == "anon_inode:[io_uring]") {
			count++
		}
	}
	return count
}
