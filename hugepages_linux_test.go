package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// hugetlbfs mounts one with a pool of n pages for the time of a test, and returns the
// size of a page.
func hugetlbfs(t *testing.T, n int) (dir string, page int64) {
	t.Helper()
	const pool = "/proc/sys/vm/nr_hugepages"
	had, err := os.ReadFile(pool)
	if err != nil {
		t.Skipf("needs hugetlbfs: %v", err)
	}
	before, err := strconv.Atoi(strings.TrimSpace(string(had)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(pool, []byte(strconv.Itoa(before+n)), 0); err != nil {
		t.Skipf("needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(pool, []byte(strconv.Itoa(before)), 0); err != nil {
			t.Error(err)
		}
	})
	if now, err := os.ReadFile(pool); err != nil || strings.TrimSpace(string(now)) != strconv.Itoa(before+n) {
		t.Skipf("needs %d huge pages: there are %s (%v)", n, now, err)
	}
	dir = t.TempDir()
	if err := unix.Mount("filemap", dir, "hugetlbfs", 0, ""); err != nil {
		t.Skipf("needs root and hugetlbfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	return dir, int64(st.Bsize)
}

// hugeFile makes a file of so many bytes.
func hugeFile(t *testing.T, dir string, size int64) string {
	t.Helper()
	path := filepath.Join(dir, "file")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, size), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantSize(t *testing.T, path string, want int64) {
	t.Helper()
	if st, err := os.Stat(path); err != nil || st.Size() != want {
		t.Errorf("the file has %d bytes, not %d (%v)", st.Size(), want, err)
	}
}

// TestHugePages: any range of a file of large pages is mapped, used and let go.
func TestHugePages(t *testing.T) {
	dir, page := hugetlbfs(t, 4)
	path := hugeFile(t, dir, 2*page)
	for _, c := range []struct{ off, n int64 }{
		{0, 100}, {0, filemap.ToEnd}, {4096, 8192}, {page - 50, 100}, {page, 4096}, {2*page - 1, 1}, {page + 5, 0},
	} {
		for _, mode := range []filemap.Mode{filemap.ReadWrite, filemap.ReadOnly, filemap.Private} {
			m := open(t, path, mode, filemap.Range(c.off, c.n), filemap.Random)
			b := m.Bytes()
			if mode != filemap.ReadOnly && len(b) > 0 {
				if _, err := m.WriteAt([]byte{byte(c.off + 7)}, m.Len()-1); err != nil {
					t.Fatal(err)
				}
			}
			got := make([]byte, len(b))
			if _, err := m.ReadAt(got, 0); len(got) > 0 && (err != nil || !bytes.Equal(got, b)) {
				t.Fatalf("%v, %v: %v", c, mode, err)
			}
			for what, err := range map[string]error{
				"populate": m.Populate(context.Background(), 0, filemap.ToEnd, nil),
				"lock":     m.Lock(0, filemap.ToEnd),
				"unlock":   m.Unlock(0, filemap.ToEnd),
				"protect":  m.Protect(filemap.ReadOnly, 0, filemap.ToEnd),
				"sync":     ignore(m.Sync(), filemap.ErrPrivate),
			} {
				if err != nil {
					t.Errorf("%v, %v: %s: %v", c, mode, what, err)
				}
			}
			if _, err := m.Residency(t.Context(), 0, filemap.ToEnd); err != nil {
				t.Error(err)
			}
			if len(b) > 4096 && mode == filemap.ReadWrite {
				wantError(t, m.Protect(filemap.ReadOnly, 0, 4096), filemap.ErrAlignment)
			}
			if err := m.Close(); err != nil {
				t.Errorf("%v, %v: %v", c, mode, err)
			}
			if err := m.Guard(func() error { return nil }); !errors.Is(err, filemap.ErrClosed) {
				t.Error(err)
			}
			wantSize(t, path, 2*page)
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || bytes.Contains(maps, []byte(path)) {
		t.Errorf("it is still mapped (%v)", err)
	}
}

// TestHugePagesRefuse: what would change such a file's size, or cannot be, is an error.
func TestHugePagesRefuse(t *testing.T) {
	dir, page := hugetlbfs(t, 4)
	path := hugeFile(t, dir, page)
	for name, options := range map[string][]filemap.Option{
		"reserve":             {filemap.ReadWrite, filemap.Reserve(3 * page)},
		"reserve, read-only":  {filemap.Reserve(3 * page)},
		"staged":              {filemap.ReadWrite, filemap.Staged},
		"unmapped, to write":  {filemap.ReadWrite, filemap.Unmapped},
		"reserve, or reading": {filemap.ReadWrite, filemap.Reserve(3 * page), filemap.OrRead},
	} {
		m, err := filemap.Open(path, options...)
		if err == nil {
			closeQuietly(t, m)
		}
		if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, filemap.ErrHugePages) {
			t.Errorf("%s: %v", name, err)
		}
		wantSize(t, path, page)
	}
	m := open(t, path, filemap.ReadWrite)
	wantError(t, m.Resize(100), filemap.ErrHugePages)
	if err := m.Resize(0); err != nil {
		t.Error(err)
	}
	closeQuietly(t, m)
	wantSize(t, path, 0)

	odd := hugeFile(t, dir, 100)
	for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
		_, err := filemap.Open(odd, mode)
		wantError(t, err, filemap.ErrAlignment)
		wantSize(t, odd, 100)
	}
	fresh := filepath.Join(dir, "fresh")
	if _, err := filemap.Create(fresh, 100); !errors.Is(err, filemap.ErrHugePages) {
		t.Error(err)
	}
	_, err := filemap.Create(fresh, 64*page)
	wantError(t, err, filemap.ErrNoSpace)
	if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	large := hugeFile(t, dir, page)
	if err := os.Truncate(large, 64*page); err != nil {
		t.Fatal(err)
	}
	if _, err = filemap.Open(large, filemap.ReadWrite); errors.Is(err, filemap.ErrMapLimit) {
		t.Errorf("no large pages are left, and it says %v", err)
	}
	wantError(t, err, filemap.ErrNoSpace)
	m, err = filemap.Create(fresh, 2*page)
	if err != nil {
		t.Fatal(err)
	}
	closeQuietly(t, m)
	wantSize(t, fresh, 2*page)
}
