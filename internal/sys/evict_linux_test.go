package sys

import (
	"os"
	"path/filepath"
	"testing"
)

// TestEvict: whether pages went is looked at where files are compared; here only
// that both calls are accepted on an empty and on a full file.
func TestEvict(t *testing.T) {
	for _, size := range []int{0, 100_000} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := OpenFile(path, Write, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.SyncData(); err != nil {
			t.Error(err)
		}
		if err := f.Evict(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
