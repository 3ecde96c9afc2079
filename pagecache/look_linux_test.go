package pagecache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
)

// onDisk makes a file that has a device behind it, clean and out of memory. The
// temporary directory may be a tmpfs, whose pages cannot leave.
func onDisk(t testing.TB, size int) string {
	t.Helper()
	path := writeFile(t, size)
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s, err := f.FileSystem(); err == nil && s.InMemory {
		t.Skip("needs a temporary directory on a device: set TMPDIR")
	}
	if _, err := f.CacheStat(0, 1); errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("needs cachestat (Linux 6.5): %v", err)
	}
	if err := errors.Join(f.SyncData(), f.Evict()); err != nil {
		t.Fatal(err)
	}
	return path
}

// readPages has the kernel read exactly these pages.
func readPages(t testing.TB, path string, where ...span) {
	t.Helper()
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.ReadExactly(); err != nil {
		t.Fatal(err)
	}
	for _, s := range where {
		if _, err := f.ReadAt(make([]byte, s.bytes()), s.offset()); err != nil {
			t.Fatal(err)
		}
	}
}

// pageSet is which pages are cached, as the ranges say.
func (f *File) pageSet(t testing.TB) (set []bool) {
	set = make([]bool, f.Pages)
	for _, r := range f.Ranges {
		for at := r.Offset; at < r.Offset+r.Length; at += f.PageBytes {
			set[at/f.PageBytes] = r.Cached
		}
	}
	return set
}

func count(set []bool) (n int64) {
	for _, is := range set {
		if is {
			n++
		}
	}
	return n
}

// A file that another program half-read: page for page what the others see.
func TestAgreesWithVmtouchAndFincore(t *testing.T) {
	path := onDisk(t, 400*sys.PageSize+100)
	wanted := []span{{3, 4}, {40, 200}, {300, 330}}
	readPages(t, path, wanted...)
	keepPages(t, path, wanted...)
	f := look(t, path, Query{Ranges: true, Cells: 401})
	set := f.pageSet(t)
	if want := int64(1 + 160 + 30); *f.CachedPages != want || count(set) != want {
		t.Fatalf("%d pages cached, the ranges say %d, want %d", *f.CachedPages, count(set), want)
	}
	for i, c := range f.Cells {
		if (*c.Cached == 1) != set[i] {
			t.Errorf("cell %d has %d cached, the ranges say %v", i, *c.Cached, set[i])
		}
	}
	t.Run("mincore", func(t *testing.T) {
		h, err := openFile("look", path)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		h.method, h.why = mincore, errors.ErrUnsupported
		mine := &File{Pages: f.Pages, Unknown: map[string]string{}}
		if err := h.count(context.Background(), mine, &Query{Ranges: true}); err != nil || *mine.CachedPages != *f.CachedPages || len(mine.Ranges) != len(f.Ranges) {
			t.Errorf("%d pages cached in %d ranges, %v", *mine.CachedPages, len(mine.Ranges), err)
		}
		if mine.DirtyPages != nil || mine.Unknown["dirty_pages"] == "" {
			t.Error("mincore knows of no dirty pages")
		}
	})
	t.Run("vmtouch", func(t *testing.T) { compareWithVmtouch(t, path, set) })
	t.Run("fincore", func(t *testing.T) {
		program, err := exec.LookPath("fincore")
		if err != nil {
			t.Skip("needs fincore")
		}
		out, err := exec.Command(program, "--noheadings", "--output", "PAGES", path).Output()
		if err != nil || strings.TrimSpace(string(out)) != strconv.FormatInt(count(set), 10) {
			t.Errorf("fincore says %q, %v, we say %d", out, err, count(set))
		}
	})
}

// keepPages locks pages that are in memory, so that the kernel takes none of them
// back while others are asked about them.
func keepPages(t *testing.T, path string, spans ...span) {
	t.Helper()
	m, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	for _, s := range spans {
		if err := m.Lock(s.offset(), s.bytes()); err != nil {
			t.Skipf("needs the right to lock memory: %v", err)
		}
	}
}

// compareWithVmtouch asks about each page by itself.
func compareWithVmtouch(t *testing.T, path string, set []bool) {
	program, err := exec.LookPath("vmtouch")
	if err != nil {
		t.Skip("needs vmtouch")
	}
	resident := regexp.MustCompile(`Resident Pages: (\d+)/(\d+)`)
	ask := func(s span) int64 {
		out, err := exec.Command(program, "-p", fmt.Sprintf("%d-%d", s.offset(), s.offset()+s.bytes()), path).Output()
		found := resident.FindSubmatch(out)
		if err != nil || found == nil {
			t.Fatalf("vmtouch: %v\n%s", err, out)
		}
		n, _ := strconv.ParseInt(string(found[1]), 10, 64)
		return n
	}
	for i := range int64(len(set)) - 1 {
		if n := ask(span{i, i + 1}); (n == 1) != set[i] {
			t.Errorf("page %d: vmtouch says %d, we say %v", i, n, set[i])
		}
	}
	if n := ask(span{0, int64(len(set))}); n != count(set) {
		t.Errorf("vmtouch counts %d, we %d", n, count(set))
	}
}

// What neither vmtouch nor fincore can show.
func TestDirtyPagesAreSeen(t *testing.T) {
	path := onDisk(t, 64*sys.PageSize)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, 20*int64(sys.PageSize)); err != nil {
		t.Fatal(err)
	}
	found := look(t, path, Query{Ranges: true})
	if *found.DirtyPages < 1 && *found.WritebackPages < 1 {
		t.Errorf("one page was changed; dirty %d, writeback %d", *found.DirtyPages, *found.WritebackPages)
	}
	for _, r := range found.Ranges {
		if at := 20 * int64(sys.PageSize); r.Dirty && (at < r.Offset || at >= r.Offset+r.Length) {
			t.Errorf("another page is dirty: %+v", r)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if found := look(t, path, Query{}); *found.DirtyPages != 0 {
		t.Errorf("after a sync %d pages are dirty", *found.DirtyPages)
	}
}

func TestEvictedPagesAreRemembered(t *testing.T) {
	path := onDisk(t, 64*sys.PageSize)
	f := look(t, path, Query{Ranges: true})
	if *f.CachedPages != 0 {
		t.Fatalf("%d pages cached after the eviction", *f.CachedPages)
	}
	// An eviction that was asked for leaves no trace; one of the kernel's would.
	if *f.EvictedPages != 0 || len(f.Ranges) != 0 {
		t.Errorf("%d evicted, %+v", *f.EvictedPages, f.Ranges)
	}
}

func TestSparseFileOf1TiB(t *testing.T) {
	path := onDisk(t, 0)
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skipf("needs a file system with files of 1 TiB: %v", err)
	}
	readPages(t, path, span{12345678, 12345680})
	f := look(t, path, Query{Ranges: true, Cells: 512})
	if len(f.Ranges) != 1 || f.Ranges[0].Offset != 12345678*int64(sys.PageSize) || f.Ranges[0].Length != 2*int64(sys.PageSize) {
		t.Errorf("%+v", f.Ranges)
	}
}

func TestMappedPages(t *testing.T) {
	path := onDisk(t, 64*sys.PageSize)
	m, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Populate(context.Background(), 8*int64(sys.PageSize), 4*int64(sys.PageSize), nil); err != nil {
		t.Fatal(err)
	}
	p, err := ScanProcesses(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	f := look(t, path, Query{Mapped: p, Who: true, Process: os.Getpid()})
	if f.MappedPagesAtLeast < 4 || f.MappedPages == nil && f.Unknown["mapped_pages"] == "" {
		t.Errorf("%+v", f)
	}
	if len(f.Process.Mappings) != 1 || *f.Process.Mappings[0].FilePages != f.MappedPagesAtLeast || f.Process.Mappings[0].ResidentBytes != f.MappedPagesAtLeast*f.PageBytes {
		t.Errorf("%+v, %d pages mapped", f.Process, f.MappedPagesAtLeast)
	}
	if len(f.Who.Holders) == 0 || f.Who.Holders[0].PID != os.Getpid() || f.Who.Holders[0].Grade != GradeMapped {
		t.Errorf("%+v", f.Who)
	}
}

// Looking at the frames must not make the kernel keep the pages longer.
func TestFolios(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	path := onDisk(t, 64*sys.PageSize)
	readPages(t, path, span{8, 40})
	for range 3 {
		f := look(t, path, Query{Frames: true})
		if f.Frames == nil {
			t.Skipf("needs /proc/kpageflags: %s", f.Unknown["frames"])
		}
		total := int64(0)
		for _, s := range f.Frames.Folios {
			total += s.Pages
		}
		if total != *f.CachedPages || f.Frames.ActivePages != 0 || f.Frames.MappedPages != 0 {
			t.Errorf("%+v, %d cached", f.Frames, *f.CachedPages)
		}
	}
}

// TestChildLooks is what another user sees; TestOthersAreToldUnknown runs it.
func TestChildLooks(t *testing.T) {
	path := os.Getenv("FILEMAP_LOOK_AT")
	if path == "" {
		t.Skip("is started by TestOthersAreToldUnknown")
	}
	if refused := os.Getenv("FILEMAP_REFUSED"); refused != "" {
		refuse(t, refused)
	}
	query := Query{Ranges: true, Cells: 4}
	if os.Getenv("FILEMAP_LOOK_AT_MAPPED") != "" {
		p, err := ScanProcesses(context.Background(), os.Getenv("FILEMAP_PROC"))
		if err != nil {
			t.Fatal(err)
		}
		query.Mapped, query.Proc = p, os.Getenv("FILEMAP_PROC")
	}
	f, err := Look(context.Background(), path, query)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("LOOK%s\n", text)
}

// Where mincore says 100 % and vmtouch prints it.
func TestOthersAreToldUnknown(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	path := readable(t, onDisk(t, 64*sys.PageSize))
	f := lookAs(t, nobodyUser, path)
	if f.CachedPages != nil || f.DirtyPages != nil || f.Ranges != nil || f.Unknown["cached_pages"] != ErrUnknown.Error() {
		t.Errorf("another user is told %+v", f)
	}
}

func TestWhatHasNoPages(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{dir: ErrNotRegular, pipe: ErrNotRegular, "/dev/null": ErrNotRegular, filepath.Join(dir, "missing"): fs.ErrNotExist} {
		_, err := Look(context.Background(), path, Query{})
		var typed *Error
		if !errors.Is(err, want) || !errors.As(err, &typed) || typed.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	f := look(t, writeFile(t, 0), Query{Ranges: true, Cells: 10})
	if *f.CachedPages != 0 || f.Pages != 0 || len(f.Cells) != 0 {
		t.Errorf("an empty file: %+v", f)
	}
}
