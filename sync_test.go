package filemap_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/filemap-go/filemap"
)

func TestSyncRanges(t *testing.T) {
	content := pattern(200_000)
	path := writeFile(t, content)
	m := open(t, path, filemap.ReadWrite, filemap.Range(70_001, 100_000))
	for _, r := range []struct{ off, n int64 }{{0, filemap.ToEnd}, {0, 0}, {1, 1}, {4095, 2}, {99_999, 1}, {100_000, 0}, {3, 50_000}} {
		if _, err := m.WriteAt([]byte{byte(r.off)}, min(r.off, m.Len()-1)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.StartWriteback(r.off, r.n), m.SyncRange(r.off, r.n)); err != nil {
			t.Errorf("[%d,+%d): %v", r.off, r.n, err)
		}
	}
	for _, r := range []struct{ off, n int64 }{{-1, 1}, {0, 100_001}, {100_001, 0}, {0, -2}} {
		wantError(t, m.SyncRange(r.off, r.n), filemap.ErrBounds)
		wantError(t, m.StartWriteback(r.off, r.n), filemap.ErrBounds)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || len(got) != len(content) || string(got[:70_001]) != string(content[:70_001]) || string(got[170_001:]) != string(content[170_001:]) {
		t.Errorf("bytes outside the range changed (%v)", err)
	}
}

func TestSyncReadOnly(t *testing.T) {
	m := open(t, writeFile(t, pattern(100)))
	if err := m.Sync(); err != nil {
		t.Error(err)
	}
}

func TestSyncNewEmptyFile(t *testing.T) {
	m, err := filemap.Create(filepath.Join(t.TempDir(), "empty"), 0)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(t, m)
	if err := m.Sync(); err != nil {
		t.Error(err)
	}
}
