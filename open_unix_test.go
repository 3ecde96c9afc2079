//go:build unix

package filemap_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

func TestOpenSpecialFiles(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Skipf("needs mkfifo: %v", err)
	}
	paths := []string{fifo, "/dev/null", "/dev/zero"}
	socket := filepath.Join(t.TempDir(), "socket")
	if err := unix.Mknod(socket, unix.S_IFSOCK|0o600, 0); err == nil { // where that is not root's alone
		paths = append(paths, socket)
	}
	for _, path := range paths {
		for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
			_, err := filemap.Open(path, mode)
			wantError(t, err, filemap.ErrNotRegular)
		}
	}
	_, err := filemap.Create(fifo, 10, filemap.Overwrite)
	wantError(t, err, filemap.ErrNotRegular)
	if _, err := os.Stat("/proc/self/status"); err == nil {
		_, err = filemap.Open("/proc/self/status")
		wantError(t, err, filemap.ErrNotRegular)
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	path := writeFile(t, pattern(100))
	dir := filepath.Dir(path)
	if err := errors.Join(os.Chmod(path, 0), os.Chmod(dir, 0o500)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o700) }()
	asNobody(t, func() {
		for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
			_, err := filemap.Open(path, mode)
			wantError(t, err, fs.ErrPermission)
		}
		_, err := filemap.Create(filepath.Join(dir, "new"), 1)
		wantError(t, err, fs.ErrPermission)
	})
}
