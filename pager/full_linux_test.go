package pager

import (
	"errors"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

// A full device is told as such, and nothing is lost.
func TestStoreIsFull(t *testing.T) {
	var noSpace error = syscall.ENOSPC
	s := &odd{Memory: store.NewMemory(int64(4 * sys.PageSize))}
	p := newPager(t, 4, nil)
	m := mapStore(t, p, s, Options{Mode: Shared})
	if _, err := m.WriteAt([]byte("kept"), 0); err != nil {
		t.Fatal(err)
	}
	s.write = func([]byte, int64) (int, error) { return 0, noSpace }
	if err := m.Sync(ctx); !errors.Is(err, ErrNoSpace) || !errors.Is(err, noSpace) {
		t.Error(err)
	}
	if err := m.Close(); !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
	s.write = nil
	if err := m.Sync(ctx); err != nil {
		t.Error(err)
	}
}
