package compare

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pagecache"
)

// writtenIn makes a file of 4 MiB in pieces of n bytes, on the device.
func writtenIn(t *testing.T, dir string, n int) string {
	t.Helper()
	path := filepath.Join(dir, "original")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	piece := make([]byte, n)
	for at := 0; at < 4<<20; at += n {
		if _, err := f.Write(piece[:min(n, 4<<20-at)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return path
}

// storeFaults counts the faults of a store to each page of a new mapping: the least
// of several counts, since writeback that comes in between makes some fault again.
func storeFaults(t *testing.T, path string) int64 {
	t.Helper()
	least := storeFaultsOnce(t, path)
	for range 9 {
		least = min(least, storeFaultsOnce(t, path))
	}
	return least
}

func storeFaultsOnce(t *testing.T, path string) int64 {
	t.Helper()
	m, err := filemap.Open(path, filemap.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	bytes := m.Bytes()
	before, err := sys.ReadUsage(true)
	if err != nil {
		t.Skip("needs getrusage of a thread: ", err)
	}
	for at := 0; at < len(bytes); at += filemap.PageBytes() {
		bytes[at] = 1
	}
	after, err := sys.ReadUsage(true)
	if err != nil {
		t.Fatal(err)
	}
	return after.Sub(before).MinorFaults
}

// TestCopyLiesLikeTheOriginal: a mapping of the copy takes as many faults as one of
// the file, however that was written.
func TestCopyLiesLikeTheOriginal(t *testing.T) {
	for name, pieceBytes := range map[string]int{"4000 bytes": 4000, "64 KiB": 64 << 10, "1 MiB": 1 << 20} {
		t.Run("pieces of "+name, func(t *testing.T) {
			runtime.LockOSThread() // the counts are the thread's
			defer runtime.UnlockOSThread()
			dir := realDisk(t)
			original := writtenIn(t, dir, pieceBytes)
			target := copyOf(t, dir, original, nil)
			want := storeFaults(t, original)
			lies, err := pagecache.LayoutOf(context.Background(), original)
			switch {
			case os.Geteuid() != 0:
				t.Skip("needs root, to see folios")
			case err != nil || lies.FoliosUnknown != nil:
				t.Skip("needs /proc/kpageflags, to see folios")
			}
			if target.like.same == nil || !*target.like.same {
				t.Errorf("like the original: %v, %s", target.like.same, target.like.how)
			}
			if got := storeFaults(t, target.path); got != want {
				t.Errorf("stores of the copy take %d faults, of the original %d", got, want)
			}
		})
	}
}

// TestCopyWithoutFolios: who may not see folios gets as many faults of loads.
func TestCopyWithoutFolios(t *testing.T) {
	for name, pieceBytes := range map[string]int{"4000 bytes": 4000, "1 MiB": 1 << 20} {
		t.Run("pieces of "+name, func(t *testing.T) {
			runtime.LockOSThread() // the counts are the thread's
			defer runtime.UnlockOSThread()
			dir := realDisk(t)
			original := writtenIn(t, dir, pieceBytes)
			whole := []pagecache.Extent{{Length: 4 << 20}}
			target := copyOf(t, dir, original, func(l *pagecache.Layout) { l.Folios, l.FoliosUnknown = nil, os.ErrPermission })
			want, err := loadFaults(original, whole)
			if err != nil {
				t.Fatal(err)
			}
			got, err := loadFaults(target.path, whole)
			if err != nil || got != want {
				t.Errorf("loads of the copy take %d faults, of the original %d: %v", got, want, err)
			}
			if target.like.same != nil {
				t.Errorf("like the original: %v, although only root can know", *target.like.same)
			}
		})
	}
}

// TestCopyOfWhatIsNotCached: what is not in memory of the file is not of the copy.
func TestCopyOfWhatIsNotCached(t *testing.T) {
	dir := realDisk(t)
	original := writtenIn(t, dir, 1<<20)
	f, err := sys.OpenFile(original, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.EvictRange(1<<20, 2<<20); err != nil {
		t.Fatal(err)
	}
	target := copyOf(t, dir, original, nil)
	lies, err := pagecache.LayoutOf(context.Background(), target.path)
	if err != nil {
		t.Fatal(err)
	}
	var cached int64
	for _, e := range lies.Cached {
		cached += e.Length
		if e.Offset < 3<<20 && e.Offset+e.Length > 1<<20 {
			t.Errorf("%v is in memory", e)
		}
	}
	if cached > 2<<20 { // the kernel may take some of it
		t.Errorf("%d bytes are in memory, expected at most %d", cached, 2<<20)
	}
}

// copyOf makes the copy for a pattern that writes; change is what is told of the
// original's layout.
func copyOf(t *testing.T, dir, original string, change func(*pagecache.Layout)) *target {
	t.Helper()
	ctx := context.Background()
	lies, err := pagecache.LayoutOf(ctx, original)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(lies)
	}
	o, err := Options{File: original, Write: true, Pattern: Increment, Dir: dir}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	target, err := openTarget(original)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.close(); err != nil {
			t.Error(err)
		}
	})
	if err := target.copyTo(ctx, &o, lies, nil); err != nil {
		t.Fatal(err)
	}
	return target
}
