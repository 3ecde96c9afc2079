package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// tmpfs mounts a file system of size bytes in memory.
func tmpfs(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("filemap", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("needs root to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := tmpfs(t, 1<<20)
	path := filepath.Join(dir, "file")
	t.Run("Create fails at once and leaves nothing", func(t *testing.T) {
		_, err := filemap.Create(path, 2<<20)
		wantError(t, err, syscall.ENOSPC)
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left %v", left)
		}
	})
	t.Run("a sparse file fails when it is stored to", func(t *testing.T) {
		m, err := filemap.Create(path, 2<<20, filemap.Sparse)
		if err != nil {
			t.Fatal(err)
		}
		defer closeQuietly(t, m)
		n, err := m.WriteAt(make([]byte, 2<<20), 0)
		if n == 0 || n%4096 != 0 {
			t.Errorf("%d bytes stored", n)
		}
		wantFault(t, err, filemap.ErrNoSpace, int64(n))
		wantError(t, m.Guard(func() error { clear(m.Bytes()); return nil }), filemap.ErrNoSpace)
		wantError(t, filemap.Store(m, 2<<20-8, 1), filemap.ErrNoSpace)
		if _, err := m.ReadAt(make([]byte, n), 0); err != nil {
			t.Errorf("what was stored: %v", err)
		}
		wantError(t, m.Advise(filemap.PopulateWrite, 0, filemap.ToEnd), filemap.ErrNoSpace)
	})
}

// TestGrowthOnFullDisk: what finds no room leaves everything as it was.
func TestGrowthOnFullDisk(t *testing.T) {
	path := filepath.Join(tmpfs(t, 1<<20), "file")
	m, err := filemap.Create(path, 100_000, filemap.Reserve(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(t, m)
	copy(m.Bytes(), pattern(100_000))
	wantError(t, m.Resize(4<<20), filemap.ErrNoSpace)
	wantFile(t, path, pattern(100_000))
	want := pattern(100_000)
	for err == nil {
		if _, err = m.Append(want[:10_000]); err == nil {
			want = append(want, want[:10_000]...)
		}
	}
	wantError(t, err, filemap.ErrNoSpace)
	if !bytes.Equal(m.Bytes(), want) || len(want) < 500_000 {
		t.Errorf("%d bytes, not %d, or others", m.Len(), len(want))
	}
	if err := m.Resize(50_000); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Append(want[:200_000]); err != nil {
		t.Errorf("with room again: %v", err)
	}
	closeQuietly(t, m)
	wantFile(t, path, append(pattern(50_000), want[:200_000]...))
}

func TestExecutable(t *testing.T) {
	path := writeFile(t, pattern(100))
	for _, c := range []struct {
		mode filemap.Mode
		want string
	}{{filemap.ReadOnly, "r-xs"}, {filemap.ReadWrite, "rwxs"}, {filemap.Private, "rwxp"}} {
		m := open(t, path, c.mode, filemap.Executable)
		address := fmt.Sprintf("%x-", uintptr(unsafe.Pointer(&m.Bytes()[0])))
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skipf("needs /proc: %v", err)
		}
		if _, line, _ := strings.Cut(string(maps), address); !strings.Contains(strings.SplitN(line, "\n", 2)[0], c.want) {
			t.Errorf("%v: the mapping is not %s: %.60s", c.mode, c.want, line)
		}
	}
}

func TestCreateAllocates(t *testing.T) {
	dir := t.TempDir()
	for name, options := range map[string][]filemap.Option{"full": nil, "sparse": {filemap.Sparse}} {
		m, err := filemap.Create(filepath.Join(dir, name), 1<<20, options...)
		if err != nil {
			t.Fatal(err)
		}
		defer closeQuietly(t, m)
		var st unix.Stat_t
		if err := unix.Stat(m.Path(), &st); err != nil {
			t.Fatal(err)
		}
		if full := st.Blocks*512 >= 1<<20; full != (name == "full") {
			t.Errorf("%s: %d bytes of blocks", name, st.Blocks*512)
		}
	}
}

// TestResidencyUnknown: Linux tells who neither owns the file nor may write it
// that all of it is resident.
func TestResidencyUnknown(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give up being the file's owner")
	}
	m := open(t, writeFile(t, pattern(50_000)))
	asNobody(t, func() {
		r, err := m.Residency(t.Context(), 0, filemap.ToEnd)
		if err != nil || r.Known || r.ResidentPages != 0 || r.Pages != int64(50_000+filemap.PageBytes()-1)/int64(filemap.PageBytes()) {
			t.Errorf("%+v, %v; want it to be unknown", r, err)
		}
	})
	if r, err := m.Residency(t.Context(), 0, filemap.ToEnd); err != nil || !r.Known {
		t.Errorf("the owner is told %+v, %v", r, err)
	}
	blind := open(t, m.Path(), filemap.NoDescriptor)
	if r, err := blind.Residency(t.Context(), 0, filemap.ToEnd); err != nil || r.Known {
		t.Errorf("without a descriptor: %+v, %v", r, err)
	}
}

// evict drops what the kernel has cached of a file that nothing maps.
func evict(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		t.Fatal(err)
	}
}

// TestColdFile: residency is seen to be none, Populate loads all of what madvise
// with MADV_WILLNEED in one call would not, and so does the advice.
func TestColdFile(t *testing.T) {
	const size = 96 << 20
	path := filepath.Join(t.TempDir(), "cold")
	made, err := filemap.Create(path, size)
	if err != nil {
		t.Fatal(err)
	}
	rand.NewChaCha8([32]byte{}).Read(made.Bytes())
	if err := errors.Join(made.Sync(), made.Close()); err != nil {
		t.Fatal(err)
	}
	resident := func(m *filemap.Map) int64 {
		r, err := m.Residency(t.Context(), 0, filemap.ToEnd)
		if err != nil || !r.Known {
			t.Fatalf("%+v, %v", r, err)
		}
		return r.ResidentPages * int64(r.PageBytes)
	}
	evict(t, path)
	m := open(t, path)
	if got := resident(m); got != 0 {
		t.Skipf("needs a file system that evicts: %d bytes stay", got)
	}
	if err := m.Populate(t.Context(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	if got := resident(m); got != size {
		t.Errorf("Populate loaded %d of %d bytes", got, size)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	evict(t, path)
	m = open(t, path)
	if err := m.Advise(filemap.WillNeed, 0, filemap.ToEnd); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var stat unix.Cachestat_t // unlike mincore it counts pages that are being read
	if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{Len: size}, &stat, 0); err != nil {
		t.Skipf("needs cachestat (Linux 6.5): %v", err)
	}
	// Some may have gone again by now; a single call would have queued a twelfth.
	if got := int64(stat.Cache) * int64(filemap.PageBytes()); got < size*9/10 {
		t.Errorf("WillNeed queued %d of %d bytes", got, size)
	}
}

// TestStartWriteback: the dirty pages are under writeback, or clean, when it
// returns; nobody waits for the flusher.
func TestStartWriteback(t *testing.T) {
	m := create(t, 1<<20)
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(m.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dirty := func() uint64 {
		var stat unix.Cachestat_t
		if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{Len: 1 << 20}, &stat, 0); err != nil {
			t.Skipf("needs cachestat (Linux 6.5): %v", err)
		}
		return stat.Dirty
	}
	for i := range m.Bytes() {
		m.Bytes()[i] = 1
	}
	if dirty() == 0 {
		t.Skip("needs a file system with writeback for its temporary files")
	}
	if err := m.StartWriteback(0, filemap.ToEnd); err != nil {
		t.Fatal(err)
	}
	if got := dirty(); got != 0 {
		t.Errorf("%d pages are still only dirty", got)
	}
}

// TestFewFaults: wherever the kernel would put it, a mapping of a file with large
// folios lies so that none of them straddles a page table.
func TestFewFaults(t *testing.T) {
	const huge = 2 << 20
	for _, size := range []int{1 << 20, 3 << 20, 16<<20 + 5} {
		path := writeFile(t, make([]byte, size))
		for _, off := range []int64{0, 4096, 300_000} {
			for range 20 {
				m := open(t, path, filemap.Range(off, filemap.ToEnd))
				begin := uintptr(unsafe.Pointer(&m.Bytes()[0]))
				end := begin + uintptr(m.Len())
				if begin/huge != (end-1)/huge && (begin-uintptr(off))%huge != 0 {
					t.Fatalf("%d bytes from %d at %#x: off alignment across a page table's end", size, off, begin)
				}
			}
		}
	}
}

// TestLockLimit gives up root's right to lock any amount of memory, on a thread
// that is thrown away after it.
func TestLockLimit(t *testing.T) {
	m := open(t, writeFile(t, pattern(1<<20)))
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: 8192, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &old) }()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			result <- err
			return
		}
		result <- m.Lock(0, filemap.ToEnd)
	}()
	err := <-result
	var typed *filemap.Error
	if !errors.As(err, &typed) || !strings.Contains(err.Error(), "RLIMIT_MEMLOCK") {
		t.Errorf("locking more than the limit: %v", err)
	}
}

// TestOverwriteOnFullDisk: the old contents are there when there is no room for the new.
func TestOverwriteOnFullDisk(t *testing.T) {
	path := filepath.Join(tmpfs(t, 1<<20), "file")
	if err := os.WriteFile(path, pattern(400_000), 0o600); err != nil {
		t.Fatal(err)
	}
	wantError(t, refused(t, path, 4<<20, pattern(400_000)), filemap.ErrNoSpace)
	if err := os.Truncate(path, 2<<20); err != nil { // holes that cannot be filled
		t.Fatal(err)
	}
	wantError(t, refused(t, path, 2<<20, content(t, path)), filemap.ErrNoSpace)
	m, err := filemap.Create(path, 900_000, filemap.Overwrite) // more than is free beside the old contents
	if err != nil {
		t.Fatal(err)
	}
	closeQuietly(t, m)
	wantFile(t, path, make([]byte, 900_000))
}
