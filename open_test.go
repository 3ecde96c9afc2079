package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
)

func TestOpenRanges(t *testing.T) {
	const size = 3*65536 + 100
	content := pattern(size)
	path := writeFile(t, content)
	page := int64(filemap.PageBytes())
	for _, r := range []struct{ off, n int64 }{
		{0, filemap.ToEnd},
		{0, 0},
		{0, 1},
		{0, page},
		{1, page},
		{page, 1},
		{page - 1, 2},
		{page + 7, min(3*page, size-page-7)},
		{size, 0},
		{size, filemap.ToEnd},
		{size - 1, 1},
		{17, filemap.ToEnd},
		{65536, 65536},
		{65537, 1},
		{2*65536 + 5, filemap.ToEnd},
	} {
		for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
			t.Run(fmt.Sprintf("%v[%d,+%d)", mode, r.off, r.n), func(t *testing.T) {
				m := open(t, path, mode, filemap.Range(r.off, r.n))
				want := content[r.off:]
				if r.n != filemap.ToEnd {
					want = want[:r.n]
				}
				if !bytes.Equal(m.Bytes(), want) {
					t.Errorf("%d bytes that are not those of the file", len(m.Bytes()))
				}
				if m.Len() != int64(len(want)) || m.Offset() != r.off || m.Mode() != mode || m.Path() != path {
					t.Errorf("Len %d, Offset %d, Mode %v, Path %s", m.Len(), m.Offset(), m.Mode(), m.Path())
				}
				if cap(m.Bytes()) != len(want) {
					t.Errorf("cap %d: an append would spill into the page", cap(m.Bytes()))
				}
			})
		}
	}
}

func TestOpenEmptyFile(t *testing.T) {
	path := writeFile(t, nil)
	for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
		m := open(t, path, mode)
		if b := m.Bytes(); b == nil || len(b) != 0 {
			t.Errorf("%v: Bytes() = %v, want empty and not nil", mode, b)
		}
		for name, call := range map[string]func() error{
			"Residency":      func() error { _, err := m.Residency(t.Context(), 0, filemap.ToEnd); return err },
			"Advise":         func() error { return m.Advise(filemap.Random, 0, 0) },
			"Lock":           func() error { return m.Lock(0, filemap.ToEnd) },
			"Populate":       func() error { return m.Populate(t.Context(), 0, filemap.ToEnd, nil) },
			"Protect":        func() error { return m.Protect(filemap.ReadOnly, 0, 0) },
			"StartWriteback": func() error { return ignore(m.StartWriteback(0, 0), filemap.ErrPrivate) },
			"Sync":           func() error { return ignore(m.Sync(), filemap.ErrPrivate) },
		} {
			if err := call(); err != nil {
				t.Errorf("%v: %s: %v", mode, name, err)
			}
		}
	}
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, pattern(1000))
	missing := filepath.Join(dir, "missing")
	for _, c := range []struct {
		name    string
		path    string
		options []filemap.Option
		want    error
	}{
		{"missing", missing, nil, fs.ErrNotExist},
		{"missing for writing", missing, []filemap.Option{filemap.ReadWrite}, fs.ErrNotExist},
		{"directory", dir, nil, filemap.ErrNotRegular},
		{"directory for writing", dir, []filemap.Option{filemap.ReadWrite}, filemap.ErrNotRegular},
		{"offset beyond the end", path, []filemap.Option{filemap.Range(1001, filemap.ToEnd)}, filemap.ErrBounds},
		{"empty range beyond the end", path, []filemap.Option{filemap.Range(1001, 0)}, filemap.ErrBounds},
		{"length beyond the end", path, []filemap.Option{filemap.Range(999, 2)}, filemap.ErrBounds},
		{"huge length", path, []filemap.Option{filemap.Range(1, math.MaxInt64)}, filemap.ErrBounds},
		{"negative offset", path, []filemap.Option{filemap.Range(-1, 2)}, filemap.ErrBounds},
		{"negative length", path, []filemap.Option{filemap.Range(0, -2)}, filemap.ErrBounds},
		{"no such mode", path, []filemap.Option{filemap.Mode(9)}, filemap.ErrOption},
		{"sparse", path, []filemap.Option{filemap.Sparse}, filemap.ErrOption},
		{"overwrite", path, []filemap.Option{filemap.Overwrite}, filemap.ErrOption},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := filemap.Open(c.path, c.options...)
			if err == nil {
				closeQuietly(t, m)
			}
			wantError(t, err, c.want)
			if err != nil && !strings.Contains(err.Error(), c.path) {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
}

func TestOpenFile(t *testing.T) {
	content := pattern(10000)
	path := writeFile(t, content)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(77, 0); err != nil {
		t.Fatal(err)
	}
	m, err := filemap.OpenFile(f, filemap.Range(100, 50))
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(t, m)
	if at, _ := f.Seek(0, 1); at != 77 {
		t.Errorf("the file's position moved to %d", at)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Bytes(), content[100:150]) {
		t.Error("wrong bytes after the file was closed")
	}
	if _, err := filemap.OpenFile(f); err == nil {
		t.Error("a closed file was mapped")
	}
	if _, err := filemap.OpenFile(nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("OpenFile(nil): %v", err)
	}
}

func TestOpenFileReadWriteNeedsWritableFile(t *testing.T) {
	f, err := os.Open(writeFile(t, pattern(100)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = filemap.OpenFile(f, filemap.ReadWrite)
	skipUnsupported(t, err)
	wantError(t, err, fs.ErrPermission)
}

func TestCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	m, err := filemap.Create(path, 12345)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	copy(m.Bytes()[12340:], "hello")
	if err := errors.Join(m.Sync(), m.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 12345 || string(got[12340:]) != "hello" {
		t.Errorf("the file has %d bytes, %q, %v", len(got), got[len(got)-5:], err)
	}

	_, err = filemap.Create(path, 1)
	wantError(t, err, fs.ErrExist)
	if after, _ := os.ReadFile(path); !bytes.Equal(after, got) {
		t.Error("a refused Create changed the file")
	}
	m, err = filemap.Create(path, 10, filemap.Overwrite)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Bytes(), make([]byte, 10)) {
		t.Errorf("Overwrite left %q", m.Bytes())
	}
	closeQuietly(t, m)
}

func TestCreateErrors(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name    string
		path    string
		size    int64
		options []filemap.Option
		want    error
	}{
		{"negative size", "a", -1, nil, filemap.ErrBounds},
		{"no directory", filepath.Join("no", "a"), 1, nil, fs.ErrNotExist},
		{"a directory", ".", 1, []filemap.Option{filemap.Overwrite}, filemap.ErrNotRegular},
		{"range beyond", "b", 10, []filemap.Option{filemap.Range(5, 6)}, filemap.ErrBounds},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(dir, c.path)
			m, err := filemap.Create(path, c.size, c.options...)
			skipUnsupported(t, err)
			if err == nil {
				closeQuietly(t, m)
			}
			wantError(t, err, c.want)
		})
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("failed Creates left %v", left)
	}
}

func TestAnonymous(t *testing.T) {
	for _, size := range []int64{0, 1, 4096, 1<<20 + 3} {
		m, err := filemap.Anonymous(size)
		if err != nil {
			t.Fatal(err)
		}
		defer closeQuietly(t, m)
		if int64(len(m.Bytes())) != size || bytes.ContainsFunc(m.Bytes(), func(r rune) bool { return r != 0 }) {
			t.Errorf("%d bytes, want %d zeros", len(m.Bytes()), size)
		}
		if size > 0 {
			if _, err := m.WriteAt([]byte{1}, size-1); err != nil || m.Bytes()[size-1] != 1 {
				t.Errorf("store: %v", err)
			}
		}
		wantError(t, m.Sync(), filemap.ErrPrivate)
		wantError(t, m.StartWriteback(0, 0), filemap.ErrPrivate)
	}
	for name, options := range map[string][]filemap.Option{
		"range": {filemap.Range(1, 2)}, "mode": {filemap.ReadWrite}, "sparse": {filemap.Sparse},
	} {
		if _, err := filemap.Anonymous(10, options...); !errors.Is(err, filemap.ErrOption) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := filemap.Anonymous(-1)
	wantError(t, err, filemap.ErrBounds)
	_, err = filemap.Anonymous(math.MaxInt64)
	wantError(t, err, filemap.ErrTooLarge)
}

func TestModes(t *testing.T) {
	content := pattern(5000)
	t.Run("read-only", func(t *testing.T) {
		m := open(t, writeFile(t, content))
		_, err := m.WriteAt([]byte("x"), 0)
		wantError(t, err, filemap.ErrReadOnly)
		wantError(t, filemap.Store(m, 0, int32(1)), filemap.ErrReadOnly)
	})
	t.Run("private", func(t *testing.T) {
		path := writeFile(t, content)
		m := open(t, path, filemap.Private)
		if _, err := m.WriteAt([]byte("changed"), 10); err != nil {
			t.Fatal(err)
		}
		if string(m.Bytes()[10:17]) != "changed" {
			t.Error("the store is not seen")
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, content) {
			t.Error("a private store reached the file")
		}
		wantError(t, m.Sync(), filemap.ErrPrivate)
	})
	t.Run("read-write", func(t *testing.T) {
		path := writeFile(t, content)
		m := open(t, path, filemap.ReadWrite)
		other := open(t, path)
		if _, err := m.WriteAt([]byte("changed"), 4990); err != nil {
			t.Fatal(err)
		}
		if string(other.Bytes()[4990:4997]) != "changed" {
			t.Error("another mapping does not see the store")
		}
		if got, _ := os.ReadFile(path); string(got[4990:4997]) != "changed" {
			t.Error("a reader does not see the store")
		}
	})
	t.Run("no descriptor", func(t *testing.T) {
		m := open(t, writeFile(t, content), filemap.ReadWrite, filemap.NoDescriptor)
		if _, err := m.WriteAt([]byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		if err := m.Sync(); err != nil {
			t.Errorf("Sync: %v", err)
		}
		if runtime.GOOS == "linux" { // elsewhere Sync needs the descriptor
			wantError(t, m.StartWriteback(0, filemap.ToEnd), filemap.ErrNoFile)
		}
	})
}

func TestTooLargeFor32Bits(t *testing.T) {
	if math.MaxInt > math.MaxInt32 {
		t.Skip("addresses have 64 bits here")
	}
	path := filepath.Join(t.TempDir(), "large")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(5 << 30); err != nil {
		t.Skipf("needs a file system with large files: %v", err)
	}
	_, err = filemap.Open(path)
	wantError(t, err, filemap.ErrTooLarge)
	if _, err := f.WriteAt([]byte("far"), 5<<30-3); err != nil {
		t.Fatal(err)
	}
	m := open(t, path, filemap.Range(5<<30-3, filemap.ToEnd))
	if string(m.Bytes()) != "far" {
		t.Errorf("got %q", m.Bytes())
	}
}
