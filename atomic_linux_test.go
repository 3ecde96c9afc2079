//go:build linux && !386 && !arm && !mips && !mipsle

package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/faultfs"
)

// syncs counts the syncs of the disk's file and its journal.
func (d *disk) syncs() int {
	d.t.Helper()
	c, err := d.Counts()
	if err != nil {
		d.t.Fatal(err)
	}
	return c.Requests[faultfs.Sync]
}

func TestSyncsOfACommit(t *testing.T) {
	d := newDisk(t, 1<<20)
	m := openAtomic(t, d.Path("data"))
	before := d.syncs()
	if err := m.Commit(); err != nil || d.syncs() != before {
		t.Errorf("a commit of nothing: %v, %d syncs", err, d.syncs()-before)
	}
	for range 3 {
		before = d.syncs()
		for off := int64(0); off < 1<<20; off += 100_000 {
			store(t, m, off, "new")
		}
		if err := m.Commit(); err != nil || d.syncs() != before+1 {
			t.Errorf("a commit: %v, %d syncs", err, d.syncs()-before)
		}
	}
	// Where the journal begins anew it is two.
	var times [3]int
	for range 20 {
		before = d.syncs()
		storeAll(t, m)
		if err := m.Commit(); err != nil || d.syncs() <= before || d.syncs() > before+2 {
			t.Fatalf("a commit: %v, %d syncs", err, d.syncs()-before)
		}
		times[d.syncs()-before]++
	}
	if times[1] < 10 || times[2] < 1 {
		t.Errorf("of 20 commits of all pages %d took one sync, %d two", times[1], times[2])
	}
}

// storeAll stores to every page.
func storeAll(t *testing.T, m *filemap.Map) {
	t.Helper()
	for off := int64(0); off < m.Len(); off += int64(filemap.PageBytes()) {
		store(t, m, off, "all")
	}
}

// A disk that becomes full while the journal is written: nothing has happened.
func TestJournalMeetsFullDisk(t *testing.T) {
	d := newDisk(t, 1<<20)
	m := openAtomic(t, d.Path("data"))
	store(t, m, 5000, "first")
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	copy(d.content[5000:], "first")
	store(t, m, 5000, "again")
	store(t, m, 900_000, "again")
	d.play("write data.journal error ENOSPC")
	for range 2 {
		err := m.Commit()
		if wantError(t, err, filemap.ErrNoSpace); errors.Is(err, filemap.ErrPending) {
			t.Errorf("nothing is pending: %v", err)
		}
		if !bytes.Equal(content(t, d.Backing("data")), d.content) {
			t.Fatal("the file was written")
		}
	}
	copy(d.content[5000:], "again")
	copy(d.content[900_000:], "again")
	if !bytes.Equal(m.Bytes(), d.content) {
		t.Error("a store is lost")
	}
	d.play("")
	if err := m.Commit(); err != nil || !bytes.Equal(content(t, d.Backing("data")), d.content) {
		t.Errorf("with room again: %v", err)
	}
}

// A disk that becomes full while the file is written: the commit is in the journal.
func TestFileMeetsFullDisk(t *testing.T) {
	d := newDisk(t, 1<<20)
	m := openAtomic(t, d.Path("data"))
	for _, off := range []int64{5000, 500_000, 900_000} {
		store(t, m, off, "new")
		copy(d.content[off:], "new")
	}
	d.play("write data error ENOSPC after 1")
	for range 2 {
		err := m.Commit()
		wantError(t, err, filemap.ErrPending)
		wantError(t, err, filemap.ErrNoSpace)
		wantError(t, m.Discard(), filemap.ErrPending)
	}
	if bytes.Equal(content(t, d.Backing("data")), d.content) {
		t.Fatal("the file has all of it")
	}
	p := make([]byte, len(d.content))
	if _, err := filemap.ReadCommitted(context.Background(), d.Path("data"), p, 0); err != nil || !bytes.Equal(p, d.content) {
		t.Errorf("a reader does not see the commit (%v)", err)
	}
	if !bytes.Equal(m.Bytes(), d.content) {
		t.Error("a store is lost")
	}
	// Opening again finds it, and so does the next Commit.
	half := content(t, d.Backing("data"))
	whole := content(t, d.Backing("data.journal"))
	d.play("")
	store(t, m, 77, "more")
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(d.content)
	copy(want[77:], "more")
	if !bytes.Equal(content(t, d.Backing("data")), want) {
		t.Error("the commit after it is not whole")
	}
	// So does Close; as long as it cannot, it says that the file alone is not whole.
	d.play("write data error ENOSPC")
	store(t, m, 600_000, "last")
	wantError(t, m.Commit(), filemap.ErrPending)
	wantError(t, m.Close(), filemap.ErrPending)
	d.play("")
	m = openAtomic(t, d.Path("data"))
	copy(want[600_000:], "last")
	if m.Recovery().State != filemap.Applied || !bytes.Equal(content(t, d.Backing("data")), want) {
		t.Errorf("opened after a Close that could not finish: %+v", m.Recovery())
	}
	d.play("write data error ENOSPC times 1")
	store(t, m, 700_000, "more")
	copy(want[700_000:], "more")
	wantError(t, m.Commit(), filemap.ErrPending)
	if err := m.Close(); err != nil || !bytes.Equal(content(t, d.Backing("data")), want) {
		t.Errorf("a Close that finishes the commit: %v", err)
	}
	copied := writeFile(t, half)
	if err := os.WriteFile(copied+filemap.JournalSuffix, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	again := openAtomic(t, copied, filemap.AdoptJournal)
	if !bytes.Equal(again.Bytes(), d.content) || again.Recovery().Changed != 2 {
		t.Errorf("opened again it is not whole: %+v", again.Recovery())
	}
}

// The sync of the journal fails: nobody knows, until it is opened again.
func TestCommitSyncError(t *testing.T) {
	d := newDisk(t, 1<<20)
	m := openAtomic(t, d.Path("data"))
	store(t, m, 5000, "new")
	copy(d.content[5000:], "new")
	d.play("sync data.journal error EIO times 1")
	for range 3 {
		wantError(t, m.Commit(), syscall.EIO)
	}
	if !bytes.Equal(m.Bytes(), d.content) {
		t.Error("the store is lost")
	}
	wantError(t, m.Close(), syscall.EIO) // it is said again
	d.isWhole(t)
}

// isWhole opens the disk's file, which has a commit in its journal and must then be
// as it should.
func (d *disk) isWhole(t *testing.T) {
	t.Helper()
	if r := openAtomic(t, d.Path("data")).Recovery(); r.State != filemap.Applied {
		t.Errorf("opened again: %+v", r)
	}
	if !bytes.Equal(content(t, d.Backing("data")), d.content) {
		t.Error("opened again it is not whole")
	}
}

// The sync of the file fails, when it is closed or when the journal begins anew:
// what was committed is in the journal.
func TestFileSyncError(t *testing.T) {
	for _, closing := range []bool{true, false} {
		d := newDisk(t, 1<<20)
		m := openAtomic(t, d.Path("data"))
		d.play("sync data error EIO times 1")
		var err error
		for n := range 40 { // more than a row has room for
			store(t, m, 5000, string(rune('A'+n)))
			storeAll(t, m)
			if err = m.Commit(); err != nil {
				break
			}
			if d.content = bytes.Clone(m.Bytes()); closing {
				break
			}
		}
		if closing {
			wantError(t, m.Close(), syscall.EIO)
			d.isWhole(t)
			continue
		}
		wantError(t, err, syscall.EIO)
		wantError(t, m.Commit(), syscall.EIO)
		wantError(t, m.Close(), syscall.EIO) // it is said again
		d.isWhole(t)
	}
}

func TestAtomicInReadOnlyDirectory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, pattern(5000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, 0o666), os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o755) }()
	asNobody(t, func() {
		_, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
		wantError(t, err, os.ErrPermission)
		if err != nil && !strings.Contains(err.Error(), path+filemap.JournalSuffix) {
			t.Errorf("the error does not say which file: %v", err)
		}
	})
}

// A file that others cut and stretch while it is committed: the error is one of this
// package, and says so.
func TestCommitBesideTruncations(t *testing.T) {
	path := writeFile(t, pattern(100_000))
	m := openAtomic(t, path)
	stop := make(chan struct{})
	var cutter sync.WaitGroup
	cutter.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = os.Truncate(path, 4096)
				_ = os.Truncate(path, 100_000)
			}
		}
	})
	for range 500 {
		_, _ = m.WriteAt([]byte("new"), 50_000)
		err := m.Commit()
		known := errors.Is(err, filemap.ErrTruncated) || errors.Is(err, filemap.ErrIO) || errors.Is(err, filemap.ErrFault) ||
			errors.Is(err, filemap.ErrPending)
		if typed, outermost := err.(*filemap.Error); err != nil && (!outermost || !known) {
			t.Errorf("not an error that says why: %v, %v", typed, err)
		}
		_ = m.Discard()
	}
	close(stop)
	cutter.Wait()
}
