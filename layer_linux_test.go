package filemap_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// overlay mounts an overlayfs with one file of n patterned bytes in its lower layer,
// and returns the file's path.
func overlay(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	var parts []string
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		parts = append(parts, filepath.Join(dir, name))
		if err := os.Mkdir(parts[len(parts)-1], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(parts[0], "file"), pattern(n), 0o644); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("overlay", parts[3], "overlay", 0, "lowerdir="+parts[0]+",upperdir="+parts[1]+",workdir="+parts[2])
	if err != nil {
		t.Skipf("needs root and overlayfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(parts[3], 0); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(parts[3], "file")
}

func appendTo(t *testing.T, path string, p []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = f.Write(p)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOverlayCopyUpUnderAMapping(t *testing.T) {
	const size = 5000
	old, added := pattern(size), bytes.Repeat([]byte("new"), 3000)
	for name, options := range map[string][]filemap.Option{
		"ReadOnly": {filemap.ReadOnly, filemap.Reserve(1 << 20)},
		"OrRead":   {filemap.ReadOnly, filemap.Reserve(1 << 20), filemap.OrRead},
		"Private":  {filemap.Private},
	} {
		t.Run(name, func(t *testing.T) {
			path := overlay(t, size)
			m := open(t, path, options...)
			if n, err := m.Refresh(); n != size || err != nil {
				t.Errorf("before anything: Refresh %d, %v", n, err)
			}
			appendTo(t, path, added)
			if err := overwriteAt(path, "NEW", 4200); err != nil {
				t.Fatal(err)
			}
			n, err := m.Refresh()
			wantError(t, err, filemap.ErrReplaced)
			if n != size || m.Len() != size {
				t.Errorf("Refresh %d, Len %d, want %d", n, m.Len(), size)
			}
			// All ways to read show the file that was mapped.
			got := make([]byte, size)
			if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, old) || !bytes.Equal(m.Bytes(), old) {
				t.Errorf("ReadAt: %v; its bytes are old: %v, those of Bytes: %v", err, bytes.Equal(got, old), bytes.Equal(m.Bytes(), old))
			}
			if name == "Private" {
				return
			}
			wantError(t, m.Sync(), filemap.ErrReplaced)
			moved, err := m.Move(1 << 21)
			if err != nil {
				t.Fatal(err)
			}
			defer closeQuietly(t, moved)
			want := append(append([]byte{}, old...), added...)
			copy(want[4200:], "NEW")
			if !bytes.Equal(moved.Bytes(), want) {
				t.Error("what Move made has not the bytes of the file")
			}
			appendTo(t, path, added)
			want = append(want, added...)
			if n, err := moved.Refresh(); n != int64(len(want)) || err != nil || !bytes.Equal(moved.Bytes(), want) {
				t.Errorf("of what Move made: Refresh %d, %v, equal %v", n, err, bytes.Equal(moved.Bytes(), want))
			}
		})
	}
}

// overwriteAt stores text in the middle of a file.
func overwriteAt(path, text string, off int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), off)
	return errors.Join(err, f.Close())
}

// A Map that reads through its descriptor follows the file, and a writer's is in the
// upper layer from the start.
func TestOverlayCopyUpUnderOtherMaps(t *testing.T) {
	const size = 5000
	path := overlay(t, size)
	follows := open(t, path, filemap.Unmapped, filemap.Reserve(1<<20))
	staged := open(t, path, filemap.ReadWrite, filemap.Staged)
	shared := open(t, path, filemap.ReadWrite, filemap.Reserve(1<<20))
	added := []byte("appended")
	appendTo(t, path, added)
	want := append(pattern(size), added...)
	for _, m := range []*filemap.Map{follows, shared} {
		n, err := m.Refresh()
		got := make([]byte, len(want))
		if _, readErr := m.ReadAt(got, 0); n != int64(len(want)) || err != nil || readErr != nil || !bytes.Equal(got, want) {
			t.Errorf("Refresh %d, %v; ReadAt %v", n, err, readErr)
		}
	}
	if _, err := staged.WriteAt([]byte("mine"), 100); err != nil {
		t.Fatal(err)
	}
	if err := staged.Sync(); err != nil {
		t.Error(err)
	}
	copy(want[100:], "mine")
	wantContents(t, path, want)
}

// A descriptor that was opened before the copy maps the original: the Map opens one
// of its own.
func TestOverlayOpenFileAfterCopyUp(t *testing.T) {
	const size = 5000
	path := overlay(t, size)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	added := bytes.Repeat([]byte("x"), 4096)
	appendTo(t, path, added)
	m, err := filemap.OpenFile(f)
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(t, m)
	if want := append(pattern(size), added...); !bytes.Equal(m.Bytes(), want) {
		t.Error("not the bytes of the file as it is")
	}
}

// What somebody cuts off is cut off the copy: the mapped file stays whole.
func TestOverlayTruncatedOriginalStaysWhole(t *testing.T) {
	path := overlay(t, 10_000)
	m := open(t, path)
	if err := os.Truncate(path, 0); err != nil { // copied up, and cut
		t.Fatal(err)
	}
	got := make([]byte, 10_000)
	if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, pattern(10_000)) {
		t.Errorf("the mapped file is whole: %v", err)
	}
	_, err := m.Refresh()
	wantError(t, err, filemap.ErrReplaced)
}
