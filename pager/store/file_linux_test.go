package store_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/pager/store"
)

func TestOpenForWritingRefusesSealedFile(t *testing.T) {
	fd, err := unix.MemfdCreate("sealed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Skipf("needs memfd_create: %v", err)
	}
	f := os.NewFile(uintptr(fd), "sealed")
	defer f.Close()
	if _, err := f.Write(make([]byte, 8192)); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE); err != nil {
		t.Fatal(err)
	}
	path := fmt.Sprintf("/proc/self/fd/%d", fd)
	_, err = store.Open(path, store.Options{Write: true})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "F_SEAL_WRITE") {
		t.Errorf("for writing: %v", err)
	}
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
