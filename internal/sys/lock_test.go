package sys

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func openForLock(t *testing.T, path string) File {
	t.Helper()
	f, err := OpenFile(path, Write|Create, 0o600)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	first, second := openForLock(t, path), openForLock(t, path)
	err := first.TryLock()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("unsupported here: %v", err)
	}
	must(t, err)
	if err := second.TryLock(); !errors.Is(err, ErrLocked) {
		t.Errorf("locked twice: %v", err)
	}
	if _, err := second.WriteAt([]byte("x"), 0); err != nil {
		t.Errorf("the lock keeps others from writing: %v", err)
	}
	must(t, first.Close())
	if err := second.TryLock(); err != nil {
		t.Errorf("after the owner is gone: %v", err)
	}
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
	if first == second {
		t.Error("two files have one identity")
	}
	_, err = a.WriteAt([]byte("x"), 0)
	must(t, err)
	must(t, os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")))
	if now, err := a.Identity(); err != nil || now != first {
		t.Errorf("written and renamed it is %v and not %v, %v", now, first, err)
	}
	for name, want := range map[string]bool{"a": false, "b": false, "c": true} {
		same, err := a.SameAs(filepath.Join(dir, name))
		if err != nil || same != want {
			t.Errorf("the same as %s: %v, %v", name, same, err)
		}
	}
}
