package observe

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
	"github.com/filemap-go/filemap/observe/event"
)

// onDisk returns a directory on a file system that has a device, or skips.
func onDisk(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{t.TempDir(), "."} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) != nil || fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.OVERLAYFS_SUPER_MAGIC {
			continue
		}
		if made, err := os.MkdirTemp(dir, "trace-"); err == nil {
			t.Cleanup(func() { _ = os.RemoveAll(made) })
			return made
		}
	}
	t.Skip("needs a directory on a disk: this one is in memory or an overlay")
	return ""
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// needsPlainStores skips where the atomic store that changes nothing is a load
// and a store, each of which faults.
func needsPlainStores(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("needs amd64, where an atomic store is one access")
	}
	if raceDetector {
		t.Skip("needs a child without the race detector, which has faults of its own")
	}
}

func newFile(t *testing.T, size int) string {
	t.Helper()
	content := make([]byte, size)
	_, _ = rand.Read(content)
	path := filepath.Join(onDisk(t), "file")
	f, err := os.Create(path)
	must(t, err)
	_, err = f.Write(content)
	must(t, errors.Join(err, f.Sync(), f.Close()))
	return path
}

// traced makes a trace, which must leave its directory and the journals as they
// were, and its file's bytes and times too.
func traced(t *testing.T, o Options) *Document {
	t.Helper()
	before, err := os.Stat(o.Path)
	must(t, err)
	d, err := Trace(t.Context(), o)
	must(t, err)
	after, err := os.Stat(o.Path)
	must(t, err)
	if !o.InPlace && !after.ModTime().Equal(before.ModTime()) {
		t.Error("the file's time of change changed")
	}
	nothingIsLeft(t, filepath.Dir(o.Path))
	return d
}

func nothingIsLeft(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s is left", e.Name())
		}
	}
	for _, journals := range []string{"/run/filemap", filepath.Join(os.TempDir(), fmt.Sprintf("filemap-%d", os.Geteuid()))} {
		mine, err := filepath.Glob(filepath.Join(journals, "run-*.json"))
		must(t, err)
		for _, path := range mine {
			if text, _ := os.ReadFile(path); strings.Contains(string(text), fmt.Sprintf(`"pid":%d,`, os.Getpid())) {
				t.Errorf("a journal is left: %s", text)
			}
		}
	}
	swaps, err := os.ReadFile("/proc/swaps")
	must(t, err)
	if strings.Contains(string(swaps), dir) {
		t.Errorf("swap is left: %s", swaps)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "filemap-tracefs-*")); len(left) > 0 {
		t.Logf("tracefs is mounted at %q, perhaps by another run", left)
	}
}

func named(d *Document, name string) (found []event.Event) {
	for _, e := range d.Events {
		if e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// mostUnseen bounds the faults of a trace that the kernel took itself, without an
// instruction of the program, as futex(2) does when its word has no page: getrusage
// counts them, events do not tell of them, and most traces have none.
const mostUnseen = 3

// bothLanguages checks that all that a trace says is in Chinese too: names of sources apart.
func bothLanguages(t *testing.T, d *Document) {
	t.Helper()
	for _, text := range slices.Concat(d.Missing, d.Summary.Advice, d.Sources) {
		if both := d.InBoth(text); both.Chinese == text && strings.Contains(text, " ") {
			t.Errorf("%q has no Chinese", text)
		}
	}
}

// coherent checks what must hold of every trace of a file.
func coherent(t *testing.T, d *Document) {
	t.Helper()
	if d.Schema != Schema {
		t.Errorf("schema %q", d.Schema)
	}
	s := &d.Summary
	var sum int64
	for i, stage := range s.Stages {
		if stage.Stage != i+1 || stage.Events == 0 {
			t.Errorf("stage %d has %d events", stage.Stage, stage.Events)
		}
		if stage.TimeNS != nil {
			sum += *stage.TimeNS
		}
	}
	if sum != s.WallNS {
		t.Errorf("the stages take %d ns, the steps %d", sum, s.WallNS)
	}
	bothLanguages(t, d)
	f := s.Faults
	if d.LostEvents == 0 && (f.Minor+f.Major != f.Total || f.Total+f.Unseen != f.RusageMinor+f.RusageMajor ||
		f.Unseen < 0 || f.Unseen > mostUnseen) {
		t.Errorf("faults %+v", f)
	}
	var counted int64
	var last int64
	ids := map[int]bool{}
	for i, e := range d.Events {
		info, known := event.Of(e.Name)
		if !known || info.Stage != e.Stage || e.StartNS < last || e.DurationNS < 0 || e.SelfNS < 0 || e.SelfNS > e.DurationNS {
			t.Errorf("event %d is %+v", i, e)
		}
		if e.Within != 0 && !ids[e.Within] {
			t.Errorf("event %d is within %d, which is not before it", i, e.Within)
		}
		ids[e.ID] = true
		last = e.StartNS
		if e.Kind != "" {
			counted++
			if e.Address == 0 && d.Tier != TierCounters || e.Offset == event.NoOffset && f.Elsewhere == 0 {
				t.Errorf("a fault without a place: %+v", e)
			}
		}
	}
	if counted != f.Total {
		t.Errorf("%d events are faults, the summary says %d", counted, f.Total)
	}
	if s.FirstByteNS == nil || *s.FirstByteNS <= 0 {
		t.Error("no first byte")
	}
}

func TestColdAsRoot(t *testing.T) {
	needsPlainStores(t)
	needsRoot(t)
	path := newFile(t, 4<<20)
	content, err := os.ReadFile(path)
	must(t, err)
	d := traced(t, Options{Path: path, Cold: true})
	if d.Tier != TierRoot {
		t.Skipf("needs tracefs: %q", d.Missing)
	}
	coherent(t, d)
	for _, name := range []string{
		event.Map, event.Place, event.Access, event.FirstByte, event.Fault, event.Lookup, event.Readahead, event.Add,
		event.DeviceRead, event.Install, event.Dirty, event.Sync, event.Writeback, event.DeviceWrite, event.Reprotect,
		event.WriteProtect, event.Unmap,
	} {
		if len(named(d, name)) == 0 {
			t.Errorf("no %s", name)
		}
	}
	if d.Summary.Faults.Major == 0 || d.Settings.Touches != DefaultTouches {
		t.Errorf("faults %+v, %d touches", d.Summary.Faults, d.Settings.Touches)
	}
	if got, want := len(named(d, event.WriteProtect)), DefaultTouches; got != want {
		t.Errorf("%d stores met the write-protection that the sync put back, expected %d", got, want)
	}
	p := d.Summary.Pages
	if *p.AddedPages == 0 || *p.DeviceReadBytes < DefaultTouches*int64(sys.PageSize) || *p.DeviceWriteBytes == 0 || p.ReadAmplification == nil {
		t.Errorf("pages %+v", p)
	}
	if fault := named(d, event.Fault)[0]; fault.Frame == 0 || fault.Kind != event.KindMajor {
		t.Errorf("the first fault is %+v", fault)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Error("the file's bytes changed")
	}
}

func TestEveryTier(t *testing.T) {
	needsPlainStores(t)
	path := newFile(t, 1<<20)
	for _, tier := range []string{"", TierUser, TierCounters} {
		for _, p := range Patterns {
			d := traced(t, Options{Path: path, Tier: tier, Pattern: p, Touches: 20, Cold: true})
			if tier != "" && d.Tier != tier && d.Tier != TierCounters {
				t.Errorf("%s became %s", tier, d.Tier)
			}
			if os.Geteuid() != 0 && d.Tier == TierRoot {
				t.Error("root's tier without root")
			}
			coherent(t, d)
			if len(d.Missing) == 0 && d.Tier != TierRoot {
				t.Errorf("%s misses nothing", d.Tier)
			}
			for _, e := range d.Events {
				if e.Kind == "" || e.Offset == event.NoOffset {
					continue
				}
				for _, r := range d.Regions {
					if r.File == e.File && int64(e.Address-r.Address)&^int64(sys.PageSize-1) != e.Offset {
						t.Errorf("%s: a fault at %#x is of offset %d, the region is at %#x", d.Tier, e.Address, e.Offset, r.Address)
					}
				}
			}
		}
	}
}

func TestFaultsAreWhatGetrusageCounts(t *testing.T) {
	needsPlainStores(t)
	path := newFile(t, 1<<20)
	var f Faults
	for range 10 {
		d := traced(t, Options{Path: path, Touches: 20, Cold: true})
		f = d.Summary.Faults
		if d.LostEvents == 0 && f.Minor == f.RusageMinor && f.Major == f.RusageMajor && f.Unseen == 0 {
			return
		}
	}
	t.Errorf("in none of ten traces: %+v", f)
}

func TestPrivatePagesAreCopied(t *testing.T) {
	needsPlainStores(t)
	path := newFile(t, 1<<20)
	content, err := os.ReadFile(path)
	must(t, err)
	d := traced(t, Options{Path: path, Private: true, Touches: 10})
	coherent(t, d)
	if n := len(named(d, event.CopyOnWrite)); n != 10 {
		t.Errorf("%d copies on write of 10 stores", n)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Error("the file's bytes changed")
	}
}

func TestStoresInPlaceChangeNoByte(t *testing.T) {
	needsPlainStores(t)
	path := newFile(t, 1<<20)
	content, err := os.ReadFile(path)
	must(t, err)
	d := traced(t, Options{Path: path, InPlace: true, Touches: 10, Advice: "random", Cold: true})
	coherent(t, d)
	if len(d.Files) != 1 || len(named(d, event.WriteProtect)) == 0 || len(named(d, event.Advise)) != 1 {
		t.Errorf("%d files, %v", len(d.Files), named(d, event.WriteProtect))
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
		t.Error("the file's bytes changed")
	}
}

func TestMemoryLimit(t *testing.T) {
	needsPlainStores(t)
	needsRoot(t)
	const limit = 8 << 20
	path := newFile(t, 2*limit)
	trace := func() (*Document, error) {
		return Trace(t.Context(), Options{Path: path, MemoryLimit: limit, Cold: true})
	}
	d, err := trace()
	for range 2 {
		if err == nil || !strings.Contains(err.Error(), "for want of memory") {
			break
		}
		d, err = trace() // a busy machine may not swap in time, and the kernel then ends the process
	}
	if err != nil && (strings.Contains(err.Error(), "control group") || strings.Contains(err.Error(), "swap")) {
		t.Skipf("needs a memory control group and swap: %v", err)
	}
	must(t, err)
	nothingIsLeft(t, filepath.Dir(path))
	p := d.Summary.Pages
	if p.SwappedOut == 0 || p.SwappedIn == 0 || len(named(d, event.SwapOut)) == 0 || len(named(d, event.SwapIn)) == 0 {
		t.Errorf("swapped out %d, in %d; %d and %d events", p.SwappedOut, p.SwappedIn, len(named(d, event.SwapOut)), len(named(d, event.SwapIn)))
	}
	if d.Tier == TierRoot && len(named(d, event.Reclaim)) == 0 {
		t.Error("nothing was reclaimed")
	}
	if most := d.Machine.ReadAheadBytes; (most == nil || *most > limit/8) != (d.Settings.Advice == "random") {
		t.Errorf("readahead may fill the limit: advice %q", d.Settings.Advice)
	}
	coherent(t, d)
}

func TestLimitsThatMakeNoSense(t *testing.T) {
	path := newFile(t, 1<<20)
	_, err := Trace(t.Context(), Options{Path: path, MemoryLimit: 64 << 20})
	want := ErrFits
	if os.Geteuid() != 0 {
		want = ErrNeedsRoot
	}
	if !errors.Is(err, want) {
		t.Errorf("%v, expected %v", err, want)
	}
	nothingIsLeft(t, filepath.Dir(path))
}

func TestWhatCannotBeTraced(t *testing.T) {
	dir := t.TempDir()
	empty, pipe := filepath.Join(dir, "empty"), filepath.Join(dir, "pipe")
	must(t, os.WriteFile(empty, nil, 0o600))
	must(t, unix.Mkfifo(pipe, 0o600))
	for path, want := range map[string]error{
		filepath.Join(dir, "missing"): os.ErrNotExist,
		dir:                           ErrNotRegular,
		empty:                         ErrEmpty,
		pipe:                          ErrNotRegular,
		"/dev/null":                   ErrNotRegular,
	} {
		_, err := Trace(t.Context(), Options{Path: path})
		var e *Error
		if !errors.Is(err, want) || !errors.As(err, &e) || e.Path != path {
			t.Errorf("%s: %v, expected %v", path, err, want)
		}
	}
}

// whenReady has f called at the moment when a trace is about to begin.
func whenReady(t *testing.T, f func()) {
	t.Helper()
	beforeAccess = f
	t.Cleanup(func() { beforeAccess = func() {} })
}

func TestFileThatShrinks(t *testing.T) {
	path := newFile(t, 1<<20)
	whenReady(t, func() { must(t, os.Truncate(path, int64(4*sys.PageSize))) })
	_, err := Trace(t.Context(), Options{Path: path, Touches: 20})
	var e *Error
	if !errors.Is(err, ErrShrunk) || !errors.As(err, &e) || e.Offset != int64(4*sys.PageSize) {
		t.Errorf("%v", err)
	}
	nothingIsLeft(t, filepath.Dir(path))
}

func TestCancelledTraceLeavesNothing(t *testing.T) {
	path := newFile(t, 16<<20)
	ctx, cancel := context.WithCancel(t.Context())
	whenReady(t, cancel)
	o := Options{Path: path, Cold: true}
	if os.Geteuid() == 0 {
		o.MemoryLimit = 4 << 20
	}
	if _, err := Trace(ctx, o); !errors.Is(err, context.Canceled) && !errors.Is(err, ErrNeedsRoot) {
		t.Errorf("%v", err)
	}
	nothingIsLeft(t, filepath.Dir(path))
}

func init() {
	roles["OBSERVE_TEST_KILLED"] = func(path string) int {
		beforeAccess = func() {
			fmt.Println("ready")
			time.Sleep(time.Hour)
		}
		_, err := Trace(context.Background(), Options{Path: path, MemoryLimit: 4 << 20})
		fmt.Println(err)
		return 1
	}
}

func TestKilledRunIsCleanedUp(t *testing.T) {
	needsRoot(t)
	path := newFile(t, 16<<20)
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "OBSERVE_TEST_KILLED="+path)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	line := make([]byte, 200)
	n, err := out.Read(line)
	must(t, err)
	if string(line[:n]) != "ready\n" {
		_ = c.Wait()
		t.Skipf("needs a memory control group and swap: %s", line[:n])
	}
	must(t, c.Process.Kill())
	_ = c.Wait()
	swaps, err := os.ReadFile("/proc/swaps")
	must(t, err)
	if !strings.Contains(string(swaps), filepath.Dir(path)) {
		t.Errorf("nothing is left to clean up: %s", swaps)
	}
	found, err := CleanUp()
	must(t, err)
	for _, kind := range []undo.Kind{undo.Swap, undo.File, undo.Group} {
		if !strings.Contains(strings.Join(found, "\n"), string(kind)+" ") {
			t.Errorf("no %s in %q", kind, found)
		}
	}
	nothingIsLeft(t, filepath.Dir(path))
	if again, err := CleanUp(); err != nil || strings.Contains(strings.Join(again, "\n"), filepath.Dir(path)) {
		t.Errorf("again: %q, %v", again, err)
	}
}

func init() {
	roles["OBSERVE_TEST_MAPPER"] = func(path string) int {
		f, err := sys.OpenFile(path, 0, 0)
		if err != nil {
			return 1
		}
		st, _ := f.Stat()
		r, err := sys.MapFile(f, 0, int(st.Size), sys.ProtRead, sys.Shared)
		if err != nil {
			return 1
		}
		for _, off := range Random.offsets(st.Size, sys.PageSize, 40, 5) {
			_ = r.TouchLoad(int(off))
		}
		return 3
	}
}

func TestCommand(t *testing.T) {
	path := newFile(t, 32<<20)
	f, err := sys.OpenFile(path, 0, 0)
	must(t, err)
	must(t, errors.Join(f.Evict(), f.Close()))
	t.Setenv("OBSERVE_TEST_MAPPER", path)
	d, err := Command(t.Context(), CommandOptions{Argv: []string{os.Args[0]}})
	if err != nil && strings.Contains(err.Error(), "perf") {
		t.Skipf("needs perf_event_open: %v", err)
	}
	must(t, err)
	s := &d.Summary
	if s.ExitCode == nil || *s.ExitCode != 3 {
		t.Errorf("exit code %v", s.ExitCode)
	}
	if f := s.Faults; d.LostEvents == 0 && f.Unseen != f.RusageMinor+f.RusageMajor-f.Total {
		t.Errorf("execve's own faults are counted by getrusage alone: %+v", f)
	}
	for _, about := range s.Files {
		if about.Path != path {
			continue
		}
		if about.Minor+about.Major == 0 || about.DistinctPages == 0 || about.TimeNS == 0 {
			t.Errorf("%+v", about)
		}
		if d.Tier == TierRoot && (about.ReadBytes == nil || *about.ReadBytes == 0) {
			t.Errorf("nothing was read into the cache: %+v", about)
		}
		for _, e := range d.Events {
			if e.Name == event.Fault && e.File == about.File && (e.Offset < 0 || e.Offset >= 32<<20 || e.Where == "") {
				t.Errorf("a fault of the file: %+v", e)
			}
		}
		nothingIsLeft(t, filepath.Dir(path))
		return
	}
	t.Errorf("%s is not among %+v", path, s.Files)
}

func TestCommandsThatCannotRun(t *testing.T) {
	for _, argv := range [][]string{nil, {""}, {"no-such-program-anywhere"}, {t.TempDir()}} {
		_, err := Command(t.Context(), CommandOptions{Argv: argv})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%q: %v", argv, err)
		}
	}
}
