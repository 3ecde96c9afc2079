//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"errors"
	"testing"
)

// New mounts a file system over an empty directory for the time of a test. It
// skips the test where that cannot be, and fails it when a file of the mount is
// still open or mapped at its end.
func New(t testing.TB) *FS {
	t.Helper()
	f, err := Mount(t.TempDir(), t.TempDir())
	if errors.Is(err, ErrNeedsFUSE) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return f
}
