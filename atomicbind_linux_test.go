package filemap_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// A file that is mounted by itself elsewhere has the same lock.
func TestAtomicLockThroughBindMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	dir := t.TempDir()
	path, at := filepath.Join(dir, "file"), filepath.Join(dir, "elsewhere")
	try(t, os.WriteFile(path, pattern(10_000), 0o600), os.WriteFile(at, nil, 0o600))
	if err := unix.Mount(path, at, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("needs root that may mount: %v", err)
	}
	defer func() { _ = unix.Unmount(at, 0) }()
	m := openAtomic(t, path)
	_, err := filemap.Open(at, filemap.ReadWrite, filemap.Atomic)
	wantError(t, err, filemap.ErrLocked)
	try(t, m.Close())
}
