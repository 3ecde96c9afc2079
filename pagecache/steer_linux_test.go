package pagecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
)

func warm(t testing.TB, path string, o WarmOptions) *Result {
	t.Helper()
	r, err := Warm(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func evict(t testing.TB, path string, o EvictOptions) *Result {
	t.Helper()
	r, err := Evict(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// All of it, where advice is cut off at one readahead.
func TestWarmLoadsAll(t *testing.T) {
	const size = 256 << 20
	path := onDisk(t, size)
	last := int64(0)
	r := warm(t, path, WarmOptions{Progress: func(done, total int64) {
		if done < last || done > total || total < size {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}})
	// More than the size where the kernel took pages back meanwhile.
	once := r.Rounds == 1 && r.ReadBytes == size
	if *r.BeforePages != 0 || *r.AfterPages != r.AskedPages || r.AskedPages != size/int64(sys.PageSize) || !once && r.Rounds < 2 || last != r.ReadBytes {
		t.Errorf("%+v, before %d, after %d", r, *r.BeforePages, *r.AfterPages)
	}
	if again := warm(t, path, WarmOptions{}); again.ReadBytes != 0 {
		t.Errorf("a warm file was read again: %d bytes", again.ReadBytes)
	}
	if r := evict(t, path, EvictOptions{}); *r.AfterPages != 0 || len(r.Stayed) != 0 {
		t.Errorf("%+v", r)
	}
}

// takeBack drops a part of a file, as the kernel does that is short of memory.
func takeBack(t *testing.T, path string, offset, n int64) {
	t.Helper()
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.EvictRange(offset, n), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// What the kernel takes back while the rest is read is read again.
func TestWarmLooksAgain(t *testing.T) {
	const size = 16 << 20
	path := onDisk(t, size)
	for name, ranges := range map[string][]Extent{"whole": nil, "range": {{0, size}}} {
		evict(t, path, EvictOptions{})
		taken := false
		r := warm(t, path, WarmOptions{Ranges: ranges, Progress: func(done, total int64) {
			if done == total && !taken {
				taken = true
				takeBack(t, path, 0, 1<<20)
			}
		}})
		if *r.AfterPages != r.AskedPages || r.Rounds < 2 || r.ReadBytes <= size {
			t.Errorf("%s: %d pages, %+v", name, *r.AfterPages, r)
		}
	}
}

// Reading again ends where it brings nothing, and where memory is too small.
func TestWarmGivesUp(t *testing.T) {
	const size = 16 << 20
	path := onDisk(t, size)
	for _, c := range []struct {
		taken  int64
		rounds int
	}{{1 << 20, 2}, {size / 2, 1}} {
		evict(t, path, EvictOptions{})
		r := warm(t, path, WarmOptions{Ranges: []Extent{{0, size}}, Progress: func(done, total int64) {
			if done == total {
				takeBack(t, path, 0, c.taken)
			}
		}})
		if missing := (size - c.taken) / int64(sys.PageSize); *r.AfterPages > missing || r.Rounds != c.rounds {
			t.Errorf("%d bytes are taken back each time: %d pages, %+v", c.taken, *r.AfterPages, r)
		}
	}
}

// Only what is missing, and only what was asked for.
func TestWarmRange(t *testing.T) {
	path := onDisk(t, 256*sys.PageSize)
	page := int64(sys.PageSize)
	readPages(t, path, span{20, 30})
	r := warm(t, path, WarmOptions{Ranges: []Extent{{100 * page, 3}, {10*page + 1, 30 * page}}})
	if r.ReadBytes != (1+31-10)*page || *r.BeforePages != 10 || *r.AfterPages != 1+31 || r.AskedPages != 32 {
		t.Errorf("%+v", r)
	}
	set := look(t, path, Query{Ranges: true}).pageSet(t)
	for i, cached := range set {
		if want := i >= 10 && i < 41 || i == 100; cached != want {
			t.Errorf("page %d is cached: %v", i, cached)
		}
	}
	if _, err := Warm(context.Background(), path, WarmOptions{Ranges: []Extent{{1 << 40, 1}}}); err == nil {
		t.Error("a range beyond the end was warmed")
	}
}

func TestWarmLeavesHolesOut(t *testing.T) {
	path := onDisk(t, 0)
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skipf("needs a file system with files of 1 TiB: %v", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, 3*sys.PageSize), 1<<39)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	evict(t, path, EvictOptions{})
	r := warm(t, path, WarmOptions{})
	if *r.AfterPages != 3 || r.HolePages != r.AskedPages-3 {
		t.Errorf("%+v, %d pages in memory", r, *r.AfterPages)
	}
}

func TestWarmOfAFileThatShrinks(t *testing.T) {
	path := onDisk(t, 16<<20)
	r := warm(t, path, WarmOptions{Progress: func(done, _ int64) {
		if done == warmBytes {
			if err := os.Truncate(path, 3<<20); err != nil {
				t.Error(err)
			}
		}
	}})
	if r.ShrunkBytes != 13<<20 || r.ReadBytes > 3<<20 || *r.AfterPages != 3<<20/int64(sys.PageSize) {
		t.Errorf("%+v, %d pages in memory", r, *r.AfterPages)
	}
}

func TestWarmIsCancelled(t *testing.T) {
	path := onDisk(t, 16<<20)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := Warm(ctx, path, WarmOptions{Progress: func(int64, int64) { cancel() }})
	var typed *Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &typed) || typed.Op != "warm" {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	cancel()
	if _, err := Warm(ctx, path, WarmOptions{BytesPerSecond: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("while it waits for the rate: %v", err)
	}
}

func TestEvictWritesDirtyPagesFirst(t *testing.T) {
	path := onDisk(t, 64*sys.PageSize)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("kept"), 5*int64(sys.PageSize)); err != nil {
		t.Fatal(err)
	}
	r := evict(t, path, EvictOptions{})
	if *r.AfterPages != 0 || *r.WrittenPages < 1 {
		t.Errorf("%+v", r)
	}
	if b, err := os.ReadFile(path); err != nil || string(b[5*sys.PageSize:5*sys.PageSize+4]) != "kept" {
		t.Errorf("what was written is gone: %v", err)
	}
}

func TestEvictRange(t *testing.T) {
	path := onDisk(t, 256*sys.PageSize)
	readPages(t, path, span{0, 256})
	page := int64(sys.PageSize)
	if r := evict(t, path, EvictOptions{Range: Extent{64 * page, 64 * page}}); *r.AfterPages != 0 || *r.BeforePages != 64 {
		t.Errorf("%+v", r)
	}
	if f := look(t, path, Query{}); *f.CachedPages != 192 {
		t.Errorf("%d pages are left, want 192", *f.CachedPages)
	}
}

// posix_fadvise alone does nothing to mapped pages.
func TestEvictOfAMappedFile(t *testing.T) {
	path := onDisk(t, 512*sys.PageSize)
	m, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Populate(context.Background(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	r := evict(t, path, EvictOptions{KeepMapped: true})
	if *r.AfterPages != 512 || len(r.Stayed) != 1 || !strings.Contains(r.Stayed[0].Reason, "left alone") {
		t.Errorf("mapped pages were to be kept: %+v, %d left", r, *r.AfterPages)
	}
	if r := evict(t, path, EvictOptions{}); *r.AfterPages != 0 || len(r.Stayed) != 0 {
		t.Errorf("%+v, %d left", r, *r.AfterPages)
	}
	if err := m.Populate(context.Background(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	other, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.Populate(context.Background(), 0, 64*int64(sys.PageSize), nil); err != nil {
		t.Fatal(err)
	}
	r = evict(t, path, EvictOptions{})
	sum := int64(0)
	for _, s := range r.Stayed {
		sum += s.Pages
	}
	if *r.AfterPages == 0 {
		t.Skip("this kernel takes pages out of several mappings")
	}
	if sum != *r.AfterPages || !strings.Contains(r.Stayed[0].Reason, "more than once") {
		t.Errorf("%+v, %d left", r, *r.AfterPages)
	}
}

// TestChildMaps maps a file, says so, and waits; TestEvictOfAnothersMapping runs it.
func TestChildMaps(t *testing.T) {
	path := os.Getenv("FILEMAP_MAP")
	if path == "" {
		t.Skip("is started by TestEvictOfAnothersMapping")
	}
	m, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Populate(context.Background(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	fmt.Println("MAPPED")
	_, _ = io.ReadAll(os.Stdin)
}

func TestEvictOfAnothersMapping(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	path := onDisk(t, 512*sys.PageSize)
	c := exec.Command("/proc/self/exe", "-test.run=^TestChildMaps$")
	c.Env = append(os.Environ(), "FILEMAP_MAP="+path)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close()
		_ = c.Wait()
	}()
	var said [7]byte
	if _, err := io.ReadFull(out, said[:]); err != nil {
		t.Fatal(err)
	}
	if r := evict(t, path, EvictOptions{}); *r.AfterPages != 0 {
		t.Errorf("%+v, %d left", r, *r.AfterPages)
	}
}

func TestLockKeepsPages(t *testing.T) {
	path := onDisk(t, 128*sys.PageSize)
	page := int64(sys.PageSize)
	hold, err := Lock(context.Background(), path, Extent{32 * page, 8 * page}, nil)
	if err != nil {
		t.Skipf("needs the right to lock memory: %v", err)
	}
	r, err := hold.Measure(context.Background())
	if err != nil || *r.AfterPages != 8 || r.AskedPages != 8 || hold.Bytes() != 8*page {
		t.Errorf("%+v, %v", r, err)
	}
	e := evict(t, path, EvictOptions{Range: Extent{32 * page, 8 * page}})
	if *e.AfterPages != 8 || len(e.Stayed) == 0 || !strings.Contains(e.Stayed[0].Reason, "locked") {
		t.Errorf("a locked page was evicted: %+v", e)
	}
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
	if e := evict(t, path, EvictOptions{}); *e.AfterPages != 0 {
		t.Errorf("%+v", e)
	}
}

func TestSaveAndRestore(t *testing.T) {
	first, second := onDisk(t, 100*sys.PageSize+5), onDisk(t, 64*sys.PageSize)
	readPages(t, first, span{3, 9}, span{50, 60})
	readPages(t, first, span{99, 100})
	readPages(t, second, span{0, 64})
	var record bytes.Buffer
	s, err := NewWarmSetWriter(&record)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int64{first: 17, second: 64} {
		if n, err := s.Add(context.Background(), path); err != nil || n != want {
			t.Errorf("%d pages, %v, want %d", n, err, want)
		}
	}
	total, err := s.Close()
	if err != nil || total != (WarmSetTotal{2, 81}) {
		t.Errorf("%+v, %v", total, err)
	}
	before := look(t, first, Query{Ranges: true}).pageSet(t)
	evict(t, first, EvictOptions{})
	evict(t, second, EvictOptions{})
	if err := os.Truncate(second, 60*int64(sys.PageSize)); err != nil {
		t.Fatal(err)
	}
	got := map[string]Restored{}
	total, err = Restore(context.Background(), bytes.NewReader(record.Bytes()), RestoreOptions{}, func(r Restored) error {
		got[r.Path] = r
		return nil
	})
	if err != nil || total != (WarmSetTotal{2, 81}) {
		t.Fatalf("%+v, %v", total, err)
	}
	if r := got[first]; r.Err != nil || r.Changed || r.LostPages != 0 || *r.Result.AfterPages != 17 {
		t.Errorf("%+v", r)
	}
	if r := got[second]; r.Err != nil || !r.Changed || r.LostPages != 4 || *r.Result.AfterPages != 60 {
		t.Errorf("%+v", r)
	}
	if after := look(t, first, Query{Ranges: true}).pageSet(t); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("before %v\nafter %v", before, after)
	}
	// Gone by now: an outcome, and the others are restored.
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	failed := 0
	_, err = Restore(context.Background(), bytes.NewReader(record.Bytes()), RestoreOptions{}, func(r Restored) error {
		if r.Err != nil {
			failed++
		}
		return nil
	})
	if err != nil || failed != 1 {
		t.Errorf("%d failed, %v", failed, err)
	}
}

func TestRestoreOfWhatIsNoRecord(t *testing.T) {
	head := `{"schema":"filemap/warmset/v1","saved_at":"2026-01-31T12:00:00Z","page_bytes":4096}` + "\n"
	missing := filepath.Join(t.TempDir(), "missing")
	line := fmt.Sprintf(`{"path":%q,"size_bytes":1,"changed_ns":1,"pages":[0,1]}`, missing) + "\n"
	for name, text := range map[string]string{
		"empty": "", "another file": "\x7fELF", "another version": strings.Replace(head, "v1", "v2", 1), "no pages": strings.Replace(head, "4096", "0", 1),
		"cut off": head + line, "cut off in a line": head + line[:20], "miscounted": head + line + `{"files":2,"pages":1}` + "\n",
		"half a pair": head + strings.Replace(line, "[0,1]", "[0]", 1), "backwards": head + strings.Replace(line, "[0,1]", "[5,1,2,1]", 1),
		"negative": head + strings.Replace(line, "[0,1]", "[-1,2]", 1), "huge": head + strings.Replace(line, "[0,1]", "[4611686018427387904,1]", 1),
		"no name": head + `{"pages":[]}` + "\n",
	} {
		_, err := Restore(context.Background(), strings.NewReader(text), RestoreOptions{}, func(Restored) error { return nil })
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRestoreLine(f *testing.F) {
	f.Add([]byte(`{"path":"/data/a.db","size_bytes":1048576,"changed_ns":1,"pages":[0,16,64,3]}`))
	f.Add([]byte(`{"files":1,"pages":19}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		file, last, err := parseWarmSetLine(line)
		if err != nil || last != nil {
			return
		}
		for i := 0; i < len(file.Pages); i += 2 {
			if file.Pages[i] < 0 || file.Pages[i+1] <= 0 || (file.Pages[i]+file.Pages[i+1])<<24 < 0 {
				t.Errorf("%+v", file)
			}
		}
	})
}
