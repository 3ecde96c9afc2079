package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/filemap-go/filemap"
)

// wantSameFile checks that path is the file that st was of, as long and as allowed.
func wantSameFile(t *testing.T, path string, st fs.FileInfo) {
	t.Helper()
	now, err := os.Stat(path)
	if err != nil || !os.SameFile(now, st) || now.Mode() != st.Mode() {
		t.Errorf("%v is another file than %v (%v)", now, st, err)
	}
}

// refused calls Create with Overwrite on a file that must survive it.
func refused(t *testing.T, path string, size int64, want []byte, options ...filemap.Option) error {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := filemap.Create(path, size, append(options, filemap.Overwrite)...)
	if err == nil {
		closeQuietly(t, m)
		t.Fatalf("%d bytes, %v: no error", size, options)
	}
	wantFile(t, path, want)
	wantSameFile(t, path, st)
	return err
}

// TestRefusedOverwriteKeepsTheFile: what cannot be made is found out before the old
// contents are gone.
func TestRefusedOverwriteKeepsTheFile(t *testing.T) {
	dirs := []string{t.TempDir()}
	if dir, err := os.MkdirTemp("/dev/shm", "filemap-overwrite"); err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, pattern(10_000), 0o640); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			size    int64
			options []filemap.Option
		}{
			{1 << 62, nil},
			{1 << 62, []filemap.Option{filemap.Staged}},
			{1 << 62, []filemap.Option{filemap.Sparse}},
			{1<<63 - 1, []filemap.Option{filemap.Sparse}},
			{-1, nil},
			{100, []filemap.Option{filemap.Range(50, 51)}},
			{100, []filemap.Option{filemap.Range(101, filemap.ToEnd)}},
			{20_000, []filemap.Option{filemap.Range(-1, 5)}},
			{100, []filemap.Option{filemap.Reserve(1 << 62)}},
			{100, []filemap.Option{filemap.Reserve(1<<63 - 1)}},
			{100, []filemap.Option{filemap.Reserve(-1)}},
			{100, []filemap.Option{filemap.Reserve(1000), filemap.Staged}},
			{100, []filemap.Option{filemap.Flag(1 << 15)}},
		} {
			_ = refused(t, path, c.size, pattern(10_000), c.options...)
		}
		if bits.UintSize > 32 {
			_ = refused(t, path, 100, pattern(10_000), filemap.Reserve(1<<60))
		}
	}
}

// TestOverwrite: the file is the same, of the new size, and zeros.
func TestOverwrite(t *testing.T) { bothWays(t, testOverwrite) }

func testOverwrite(t *testing.T) {
	for _, old := range []int{0, 1, 5000, 100_000} {
		for _, size := range []int64{0, 1, 4096, 5000, 70_000, 200_000} {
			for _, options := range [][]filemap.Option{nil, {filemap.Sparse}, {filemap.Reserve(1 << 20)}, {filemap.Staged}} {
				path := writeFile(t, pattern(old))
				st, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				m, err := filemap.Create(path, size, append(options, filemap.Overwrite)...)
				skipUnsupported(t, err)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(m.Bytes(), make([]byte, size)) {
					t.Errorf("%d bytes made of %d are not zeros", size, old)
				}
				closeQuietly(t, m)
				wantFile(t, path, make([]byte, size))
				wantSameFile(t, path, st)
			}
		}
	}
}

// TestOverwriteOfAPreparedFile: what Append has left behind is old contents too.
func TestOverwriteOfAPreparedFile(t *testing.T) {
	needResizable(t)
	m, path := growingLog(t)
	if _, err := m.Append(pattern(100)); err != nil {
		t.Fatal(err)
	}
	_ = refused(t, path, 1<<62, content(t, path))
	for _, size := range []int64{50, 64<<10 + 48, 1 << 20} {
		again, err := filemap.Create(path, size, filemap.Overwrite)
		if err != nil {
			t.Fatal(err)
		}
		if again.Len() != size {
			t.Errorf("%d bytes of %d", again.Len(), size)
		}
		closeQuietly(t, again)
		wantFile(t, path, make([]byte, size))
	}
	_, err := m.Append([]byte("lost"))
	wantError(t, err, filemap.ErrBounds)
}

// TestRefusedOverwriteKeepsTheCommit: a commit that is in the journal alone is the old
// contents' too.
func TestRefusedOverwriteKeepsTheCommit(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" { // without a call for blocks, they would be written
		closeQuietly(t, m)
		t.Skip("needs linux")
	}
	if _, err := m.WriteAt([]byte("committed"), 5000); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	journal := content(t, path+filemap.JournalSuffix)
	closeQuietly(t, m)
	// As after a power cut.
	for name, b := range map[string][]byte{path: pattern(10_000), path + filemap.JournalSuffix: journal} {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(b)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	want := pattern(10_000)
	copy(want[5000:], "committed")
	if _, err := filemap.Create(path, 1<<62, filemap.Atomic, filemap.Overwrite); err == nil {
		t.Fatal("no error")
	}
	got := make([]byte, len(want))
	if _, err := filemap.ReadCommitted(context.Background(), path, got, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the commit is gone, with nothing in its place")
	}
	m, err = filemap.Create(path, 5000, filemap.Atomic, filemap.Overwrite)
	if err != nil {
		t.Fatal(err)
	}
	closeQuietly(t, m)
	m = open(t, path, filemap.ReadWrite, filemap.Atomic)
	if !bytes.Equal(m.Bytes(), make([]byte, 5000)) {
		t.Error("the commit to the old contents is in the new ones")
	}
	closeQuietly(t, m)
}
