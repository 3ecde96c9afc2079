package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/leaktest"
)

func TestMain(m *testing.M) {
	code := leaktest.Run(m)
	if left := mappingsOf(os.TempDir()); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "leaked mappings: %q\n", left)
		code = 1
	}
	os.Exit(code)
}

// mappingsOf returns the files below dir that this process still maps.
func mappingsOf(dir string) []string {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	self, _ := os.Executable()
	var found []string
	for line := range bytes.Lines(maps) {
		at := bytes.Index(line, []byte(dir+string(filepath.Separator)))
		if at >= 0 && !bytes.Contains(line, []byte(self)) {
			found = append(found, string(bytes.TrimSpace(line[at:])))
		}
	}
	return found
}

// pattern returns n bytes that differ from page to page and from byte to byte.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16*31)
	}
	return b
}

func writeFile(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, options ...filemap.Option) *filemap.Map {
	t.Helper()
	m, err := filemap.Open(path, options...)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(t, m) })
	return m
}

func create(t testing.TB, size int64, options ...filemap.Option) *filemap.Map {
	t.Helper()
	m, err := filemap.Create(filepath.Join(t.TempDir(), "file"), size, options...)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(t, m) })
	return m
}

func closeQuietly(t testing.TB, m *filemap.Map) {
	if err := m.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Errorf("close: %v", err)
	}
}

// skipUnsupported skips what this system has no call for; on Linux that is a failure.
func skipUnsupported(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "linux" {
		t.Skipf("unsupported on %s: %v", runtime.GOOS, err)
	}
}

// wantError checks for an *Error that matches target.
func wantError(t testing.TB, err, target error) {
	t.Helper()
	var typed *filemap.Error
	if !errors.As(err, &typed) {
		t.Errorf("got %v (%T), want a *filemap.Error", err, err)
	} else if !errors.Is(err, target) {
		t.Errorf("got %v, want one that is %q", err, target)
	}
}
