package compare

import (
	"context"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain: no goroutine outlives the tests. For descriptors see
// cold_linux_test.go.
func TestMain(m *testing.M) {
	// The runtime's own, on js.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

func newTestTarget(t *testing.T, o *Options, size int64) *target {
	t.Helper()
	target, err := newTarget(context.Background(), o, size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

// empty tells whether nothing was left in a directory.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		t.Errorf("%s was left behind", e.Name())
	}
}
