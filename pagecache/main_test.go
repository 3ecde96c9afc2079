package pagecache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// TestMain: no goroutine, descriptor or mapping outlives the tests.
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
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil && strings.Contains(string(maps), os.TempDir()+"/Test") {
		fmt.Fprintln(os.Stderr, "leaked mappings:\n"+string(maps))
		code = 1
	}
	os.Exit(code)
}

func openDescriptors() int {
	names, _ := os.ReadDir("/proc/self/fd")
	count := 0
	for _, name := range names {
		if target, err := os.Readlink("/proc/self/fd/" + name.Name()); err == nil && filepath.IsAbs(target) {
			count++
		}
	}
	return count
}
