package sys

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

func openForLock(t *testing.T, path string) File {
	t.Helper()
	f, err := OpenFile(path, Write|Create, 0o600)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func lockOf(t *testing.T, f File) Lock {
	t.Helper()
	l, err := f.TryLock()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("unsupported here: %v", err)
	}
	must(t, err)
	return l
}

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	first, second := openForLock(t, path), openForLock(t, path)
	lock := lockOf(t, first)
	if _, err := second.TryLock(); !errors.Is(err, ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	if _, err := second.WriteAt([]byte("x"), 0); err != nil {
		t.Errorf("the lock keeps others from writing: %v", err)
	}
	// Another that comes and goes takes the lock from nobody.
	third, err := OpenFile(path, Write, 0)
	must(t, err)
	must(t, third.Close())
	if _, err := second.TryLock(); !errors.Is(err, ErrLocked) {
		t.Errorf("locked after a third was closed: %v", err)
	}
	must(t, lock.Release())
	must(t, lockOf(t, second).Release())
	must(t, Lock{}.Release())
}

// The lock ends with Release although a forked child still has the descriptor,
// which it keeps until its exec.
func TestReleaseBesideForks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, lockOf(t, openForLock(t, path)).Release())
	missing := filepath.Join(t.TempDir(), "missing")
	stop := make(chan struct{})
	var forks sync.WaitGroup
	forks.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = exec.Command(missing).Run() // which forks before it finds out
			}
		}
	})
	for n := range 2000 {
		f, err := OpenFile(path, Write, 0)
		must(t, err)
		lock, err := f.TryLock()
		if err != nil {
			t.Errorf("round %d: %v", n, err)
			break
		}
		must(t, lock.Release())
		must(t, f.Close())
	}
	close(stop)
	forks.Wait()
}

// The lock is the file's: another name leads to it.
func TestLockOfAnotherName(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	first := openForLock(t, path)
	lock := lockOf(t, first)
	if n, err := first.Names(); n != 1 || err != nil {
		t.Errorf("%d names, %v", n, err)
	}
	if err := os.Link(path, link); err != nil {
		t.Skipf("needs hard links: %v", err)
	}
	second := openForLock(t, link)
	if _, err := second.TryLock(); !errors.Is(err, ErrLocked) {
		t.Errorf("locked by two names: %v", err)
	}
	if n, err := second.Names(); n != 2 || err != nil {
		t.Errorf("%d names, %v", n, err)
	}
	if same, err := first.SameFile(second); !same || err != nil {
		t.Errorf("one file by two names: %v, %v", same, err)
	}
	must(t, lock.Release())
}

func TestIdentity(t *testing.T) {
	if os.Getenv("FILEMAP_EMULATOR") == "wine" {
		t.Skip("needs a Windows that keeps the time at which a file was made")
	}
	dir := t.TempDir()
	a, b := openForLock(t, filepath.Join(dir, "a")), openForLock(t, filepath.Join(dir, "b"))
	first, err := a.Identity()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("unsupported here: %v", err)
	}
	must(t, err)
	second, err := b.Identity()
	must(t, err)
	if first == second || first.String() == second.String() {
		t.Errorf("two files have one identity: %v, %v", first, second)
	}
	_, err = a.WriteAt([]byte("x"), 0)
	must(t, err)
	must(t, os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")))
	if now, err := a.Identity(); err != nil || now != first {
		t.Errorf("written and renamed it is %v and not %v, %v", now, first, err)
	}
}
