package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	before := openDescriptors()
	code := m.Run()
	if err := goleak.Find(goleak.IgnoreAnyFunction("runtime.handleEvent")); err != nil {
		fmt.Fprintln(os.Stderr, "leaked goroutines:", err)
		code = 1
	}
	if after := openDescriptors(); after > before {
		fmt.Fprintf(os.Stderr, "leaked descriptors: %d before the tests, %d after\n", before, after)
		code = 1
	}
	os.Exit(code)
}

// openDescriptors counts this process's files and rings; 0 where the system has
// no list of them.
func openDescriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	count := 0
	for _, name := range names {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", name.Name()))
		if err == nil && (filepath.IsAbs(target) || target == "anon_inode:[io_uring]") {
			count++
		}
	}
	return count
}
