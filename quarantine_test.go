package filemap

import (
	"errors"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

func bytesOf(t *testing.T, b byte, size int) string {
	path := filepath.Join(t.TempDir(), "file")
	content := make([]byte, size)
	for i := range content {
		content[i] = b
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestStaleSlice is the accident that the quarantine is for: a slice is used
// after Close, when other mappings of its size have been made.
func TestStaleSlice(t *testing.T) {
	if !sys.Mapped {
		t.Skip("memory is not mapped on this system: a stale slice is a copy")
	}
	mine, other := bytesOf(t, 1, 64<<10), bytesOf(t, 2, 64<<10)
	m, err := Open(mine)
	if err != nil {
		t.Fatal(err)
	}
	stale := m.Bytes()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		stranger, err := Open(other)
		if err != nil {
			t.Fatal(err)
		}
		defer stranger.Close()
		if &stranger.Bytes()[0] == &stale[0] {
			t.Fatal("the addresses of a closed Map were given to another")
		}
	}
	guard, err := Open(mine)
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Close()
	var got byte
	err = faultOf(func() { got = stale[100] })
	if err == nil {
		t.Errorf("a stale slice read %d", got)
	}
}

// faultOf returns the panic that a fault in f makes, anywhere in memory.
func faultOf(f func()) (fault error) {
	m := &Map{path: "test"}
	defer func() {
		if r, ok := recover().(error); ok {
			fault = r
		}
	}()
	_ = m.Guard(func() error { f(); return nil })
	return nil
}

// TestQuarantineBounds closes many Maps that stay reachable, and many that do not.
func TestQuarantineBounds(t *testing.T) {
	defer SetQuarantine(newQuarantine().maxRegions, newQuarantine().maxBytes)
	path := bytesOf(t, 1, 10_000)
	SetQuarantine(0, 0)
	runtime.GC()
	retired.releaseAll()
	base := waitingRegions()

	var kept []*Map
	for range 300 {
		m, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, m)
	}
	runtime.GC()
	retired.releaseAll()
	if got := waitingRegions() - base; got < 300 {
		t.Errorf("%d of 300 regions wait though their Maps can be reached", got)
	}
	for _, m := range kept {
		if _, err := m.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	}
	clear(kept)
	runtime.GC()
	retired.releaseAll()
	if got := waitingRegions() - base; got > 10 {
		t.Errorf("%d regions wait though their Maps are gone", got)
	}
	SetQuarantine(10, 1<<30)
	for range 1000 {
		m, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	SetQuarantine(10, 1<<30)
	if got := waitingRegions(); got > 11 {
		t.Errorf("%d regions wait, the bound is 10", got)
	}
}

// TestForcedCollectionsAreFew: a collection that finds no Map unreachable is not
// forced again by the next Close.
func TestForcedCollectionsAreFew(t *testing.T) {
	if !sys.Mapped {
		t.Skip("memory is not mapped on this system: the collector frees it")
	}
	if bits.UintSize == 64 { // a large region that waits does not make more of them
		if m, err := Anonymous(1<<36, NoReserve); err == nil {
			defer runtime.KeepAlive(m)
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // those that come by themselves are not meant
	maps := make([]*Map, forceRegions+forceRegions/4)
	for i := range maps {
		m, err := Anonymous(1)
		if err != nil {
			t.Fatal(err)
		}
		maps[i] = m
	}
	before := collections()
	for _, m := range maps {
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := collections() - before; n < 1 || n > 2 {
		t.Errorf("%d collections in %d Closes, want 1", n, len(maps))
	}
	runtime.KeepAlive(maps)
	clear(maps)
	runtime.GC()
	retired.releaseAll()
	if n := waitingRegions(); n > forceRegions/2 {
		t.Errorf("%d regions wait though their Maps are gone", n)
	}
}

// TestForcedByOneNotByTheOther: few regions of many bytes force a collection, and
// later not the next few regions; nor do many of few bytes the next few bytes.
func TestForcedByOneNotByTheOther(t *testing.T) {
	m, err := Anonymous(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	q := newQuarantine()
	q.forceBytes = 0
	if !q.admit(retiree{m.region, m.self}) {
		t.Error("nothing was forced")
	}
	if q.nextForce < forceRegions || q.forceBytes < forceBytes {
		t.Errorf("the next is forced by %d regions or %d bytes", q.nextForce, q.forceBytes)
	}
}

func collections() uint32 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.NumGC
}

func waitingRegions() int {
	retired.mu.Lock()
	defer retired.mu.Unlock()
	return len(retired.waiting)
}

// TestCloseDropsMemory: the pages and the file go at once, only addresses stay.
func TestCloseDropsMemory(t *testing.T) {
	m, err := Anonymous(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(m.data); i += 4096 {
		m.data[i] = 1
	}
	region := m.region
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if !sys.Mapped {
		return
	}
	status := make([]sys.PageStatus, 4)
	if err := region.Resident(0, status); errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("unsupported on %s: %v", runtime.GOOS, err)
	}
	for i, s := range status {
		if s == sys.Resident {
			t.Errorf("page %d is still in memory after Close", i)
		}
	}
}
