package pagecache

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func writeFile(t testing.TB, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func look(t testing.TB, path string, q Query) *File {
	t.Helper()
	f, err := Look(context.Background(), path, q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
