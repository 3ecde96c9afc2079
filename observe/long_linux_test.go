package observe

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
)

// heap is how much is in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// long feeds n faults of two threads to an attribution, each 1 µs long; one in a
// thousand sleeps, and the one in the middle takes a second.
func long(t *testing.T, n int, offset func(i int) uint64) *Document {
	t.Helper()
	d := &Document{Machine: Machine{PageBytes: 4096}}
	a := newAttribution(d, t.TempDir())
	const base, length = 1 << 40, 1 << 45
	a.record(&perfRecord{Type: perfRecordMmap2, PID: 1, TID: 1, Time: 1, Addr: base, Length: length, Inode: 7, Name: "/a/file"})
	at := uint64(10)
	for i := range n {
		tid := int32(1 + i%2)
		r := perfRecord{Type: perfRecordSample, Kind: kindBegun, PID: 1, TID: tid, Time: at, Addr: base + offset(i)}
		a.record(&r)
		if i%1000 == 7 {
			a.record(&perfRecord{Type: perfRecordSwitch, Misc: perfMiscSwitchOut, PID: 1, TID: tid, Time: at + 100})
			a.record(&perfRecord{Type: perfRecordSwitch, PID: 1, TID: tid, Time: at + 600})
		}
		if at += 1000; i == n/2 {
			at += 1_000_000_000
		}
		r.Kind, r.Time = kindMinor, at
		a.record(&r)
		at += 1000
	}
	a.end = int64(at)
	a.finish()
	return d
}

// However many faults there are: all are counted, the memory is bounded, and the events
// are a sample that has the slowest.
func TestMillionsOfFaultsInBoundedMemory(t *testing.T) {
	n := 3_000_000
	if raceDetector {
		n = 300_000
	}
	before := heap()
	d := long(t, n, func(i int) uint64 { return uint64(i) * 4096 })
	if used := int64(heap()) - int64(before); used > 48<<20 {
		t.Errorf("%d MiB are in use", used>>20)
	}
	s := &d.Summary
	if s.Faults.Total != int64(n) || s.Faults.Minor != int64(n) || s.Faults.Slept != int64(n/1000) || d.EventsTotal != int64(n+1) {
		t.Errorf("faults %+v, %d events", s.Faults, d.EventsTotal)
	}
	if want := int64(n)*2000 + 1_000_000_000 + 10; s.WallNS != want {
		t.Errorf("%d ns, expected %d", s.WallNS, want)
	}
	stage := s.Stages[event.StageFault-1]
	if f := s.Files[0]; f.DistinctPages != int64(n) || f.DistinctAtLeast || f.SlowestNS != 1_000_001_000 || f.Pattern != PatternInOrder ||
		*stage.TimeNS != f.TimeNS || f.TimeNS != int64(n)*1000+1_000_000_000 || stage.Events != n {
		t.Errorf("%+v, %+v", f, stage)
	}
	kept := len(d.Events)
	if kept > 3*sampleKept+2*slowestKept || kept < sampleKept/2 {
		t.Errorf("%d events", kept)
	}
	if !slices.ContainsFunc(d.Events, func(e event.Event) bool { return e.DurationNS == 1_000_001_000 }) {
		t.Error("the slowest fault is not among the events")
	}
	// Evenly spread: of each tenth of the faults there are as many.
	tenths := make([]int, 10)
	for _, e := range d.Events {
		if e.Kind == event.KindMinor && e.DurationNS < 2000 {
			tenths[e.Offset/4096*10/int64(n)]++
		}
	}
	if least, most := slices.Min(tenths), slices.Max(tenths); least == 0 || most > 2*least {
		t.Errorf("events of each tenth: %v", tenths)
	}
}

// Pages that are too many to tell apart are a lower bound, which is said.
func TestScatteredPagesInBoundedMemory(t *testing.T) {
	const n = 1_000_000
	before := heap()
	d := long(t, n, func(i int) uint64 { return uint64(i) * 104729 % (1 << 24) * 64 * 4096 })
	if used := int64(heap()) - int64(before); used > 64<<20 {
		t.Errorf("%d MiB are in use", used>>20)
	}
	if f := d.Summary.Files[0]; !f.DistinctAtLeast || f.DistinctPages < mostGroups || f.DistinctPages > n || f.Amplification != nil {
		t.Errorf("%+v", f)
	}
}

func init() {
	// Faults on so many pages of memory without a file, again and again.
	roles["OBSERVE_TEST_FAULTS"] = func(string) int {
		const pages, rounds = 4096, 75
		for range rounds {
			r, err := sys.MapAnonymous(pages*sys.PageSize, sys.ProtRead|sys.ProtWrite, false)
			if err != nil {
				return 1
			}
			_ = r.Advise(sys.NoHugePage, 0, r.Len())
			for i := range pages {
				r.TouchStore(i * sys.PageSize)
			}
			if r.Release() != nil {
				return 1
			}
		}
		return 0
	}
}

// What is counted one by one is what the kernel counts.
func TestManyFaultsAreWhatGetrusageCounts(t *testing.T) {
	needsPlainStores(t)
	d, err := observed(t.Context(), t, CommandOptions{}, "OBSERVE_TEST_FAULTS", "many")
	must(t, err)
	f := d.Summary.Faults
	const least, known = 4096 * 75, 64 // that execve takes itself
	if f.Total+f.Unseen != f.RusageMinor+f.RusageMajor || f.RusageMinor < least {
		t.Errorf("%+v", f)
	}
	if d.LostEvents == 0 && f.Unseen > known {
		t.Errorf("%d faults are counted by getrusage alone: %+v", f.Unseen, f)
	}
	if d.EventsTotal <= int64(len(d.Events)) {
		t.Errorf("%d events of %d are kept", len(d.Events), d.EventsTotal)
	}
}

// Faults that wait are told about Go's scheduler where the program is written in Go.
func TestGoIsAdvisedToGo(t *testing.T) {
	for _, isGo := range []bool{false, true} {
		d := &Document{Machine: Machine{PageBytes: 4096}}
		a := newAttribution(d, "/proc")
		a.record(&perfRecord{Type: perfRecordMmap2, PID: 1, TID: 1, Time: 1, Addr: 1 << 20, Length: 1 << 30, Inode: 7, Name: "/a/file"})
		a.spaces[1].isGo = isGo
		for i := range uint64(20) {
			at := 10 + i*100
			a.record(&perfRecord{Type: perfRecordSample, Kind: kindBegun, PID: 1, TID: 1, Time: at, Addr: 1<<20 + i<<16})
			a.record(&perfRecord{Type: perfRecordSample, Kind: kindMajor, PID: 1, TID: 1, Time: at + 50, Addr: 1<<20 + i<<16})
		}
		a.finish()
		if told := strings.Contains(strings.Join(d.Summary.Advice, "\n"), "Go"); told != isGo || len(d.Summary.Advice) == 0 {
			t.Errorf("written in Go: %v, advice %q", isGo, d.Summary.Advice)
		}
	}
	n := newFileNames("/proc", nil)
	self, err := os.Executable()
	must(t, err)
	if !n.isGo(int32(os.Getpid()), self) {
		t.Error("this program is written in Go")
	}
	if n.isGo(int32(os.Getpid()), "/bin/sh") || n.isGo(1, "/no such file") || n.isGo(1, "//anon") {
		t.Error("the shell is not")
	}
}
