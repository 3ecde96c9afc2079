package pagecache

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/leaktest"
)

// TestMain: no goroutine, descriptor or mapping outlives the tests.
func TestMain(m *testing.M) {
	code := leaktest.Run(m)
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil && strings.Contains(string(maps), os.TempDir()+"/Test") {
		fmt.Fprintln(os.Stderr, "leaked mappings:\n"+string(maps))
		code = 1
	}
	os.Exit(code)
}
