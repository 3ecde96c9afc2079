//go:build linux && !386 && !arm && !mips && !mipsle

package filemap_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap"
)

// A disk without room refuses the write of a Sync: nothing is lost, and with room
// again it succeeds.
func TestStagedFullDisk(t *testing.T) {
	d := newDisk(t, 1<<20)
	m := open(t, d.Path("data"), filemap.ReadWrite, filemap.Staged)
	for _, at := range []int64{100, 500_000, 1_000_000} {
		if _, err := m.WriteAt([]byte("new"), at); err != nil {
			t.Fatal(err)
		}
		copy(d.content[at:], "new")
	}
	before, err := m.Dirty(0, filemap.ToEnd)
	if err != nil {
		t.Fatal(err)
	}
	d.play("write data error ENOSPC after 1")
	for range 2 {
		err := m.Sync()
		wantError(t, err, filemap.ErrNoSpace)
		wantError(t, err, syscall.ENOSPC)
		wantDirty(t, m, before)
		if !bytes.Equal(m.Bytes(), d.content) {
			t.Error("a store is lost")
		}
	}
	d.play("")
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content(t, d.Backing("data")), d.content) {
		t.Error("the file is not as stored")
	}
}

// A sync that fails is for good, and what was stored stays in memory.
func TestStagedSyncError(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, 1<<20)
	m := open(t, d.Path("data"), filemap.ReadWrite, filemap.Staged)
	if _, err := m.WriteAt([]byte("new"), page+900); err != nil {
		t.Fatal(err)
	}
	copy(d.content[page+900:], "new")
	d.play("sync data error EIO times 1")
	for range 2 {
		err := m.Sync()
		if wantError(t, err, syscall.EIO); errors.Is(err, filemap.ErrNoSpace) {
			t.Error(err)
		}
	}
	if !bytes.Equal(m.Bytes(), d.content) {
		t.Error("the store is lost")
	}
	wantDirty(t, m, []filemap.Extent{{Offset: page, Length: page}})
	wantError(t, m.Close(), syscall.EIO)
}
