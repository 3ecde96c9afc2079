//go:build linux && !386 && !arm && !mips && !mipsle

package store_test

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap/internal/faultfs"
	"github.com/filemap-go/filemap/pager/store"
)

func init() {
	if code, child := faultfs.Main(); child {
		os.Exit(code)
	}
}

// The system tells once that a writeback has failed, and one caller: the store
// tells all of them, and Close.
func TestSyncFailsForGood(t *testing.T) {
	f := faultfs.New(t)
	must(t, os.WriteFile(f.Backing("data"), make([]byte, 64<<10), 0o600))
	s, err := store.Open(f.Path("data"), store.Options{Write: true})
	must(t, err)
	_, err = s.WriteAt([]byte("lost"), 100)
	must(t, err)
	must(t, f.Script("sync data error EIO times 1"))
	var errs [8]error
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = s.Sync() })
	}
	all.Wait()
	for _, err := range append(errs[:], s.Sync(), s.Close()) {
		if !errors.Is(err, store.ErrSyncFailed) || !errors.Is(err, syscall.EIO) {
			t.Errorf("after a sync that failed: %v", err)
		}
	}
	if err := s.Close(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
	again, err := store.Open(f.Path("data"), store.Options{Write: true})
	must(t, err)
	if err := errors.Join(again.Sync(), again.Close()); err != nil {
		t.Errorf("opened again: %v", err)
	}
}
