package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// roles are what this program is when a test starts it with an environment
// variable set: by the variable, what it does with its value.
var roles = map[string]func(string) int{}

func TestMain(m *testing.M) {
	if IsChild() {
		os.Exit(ChildMain())
	}
	for env, role := range roles {
		if argument := os.Getenv(env); argument != "" {
			os.Exit(role(argument))
		}
	}
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

// openDescriptors counts this process's descriptors of files; 0 where the system
// has no list of them.
func openDescriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	count := 0
	for _, name := range names {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", name.Name()))
		if err == nil && filepath.IsAbs(target) {
			count++
		}
	}
	return count
}
