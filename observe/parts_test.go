//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/observe/event"
)

func TestPagemapEntries(t *testing.T) {
	for _, c := range []struct {
		entry uint64
		state string
		frame uint64
		slot  int64
	}{
		{0, "", 0, 0},
		{entryPresent | entryFile | 0x1234, "m", 0x1234, 0},
		{entryPresent | 0x1234, "ma", 0x1234, 0},
		{entrySwapped | 77<<entrySlotShift | 1, "s", 0, 77},
	} {
		if s := entryState(c.entry).String(); s != c.state || entryFrame(c.entry) != c.frame || entrySlot(c.entry) != c.slot {
			t.Errorf("%#x is %q, frame %#x, slot %d; expected %+v", c.entry, s, entryFrame(c.entry), entrySlot(c.entry), c)
		}
	}
	raw := binary.NativeEndian.AppendUint64(nil, 1)
	raw = binary.NativeEndian.AppendUint64(raw, 2)
	if got := parsePagemap(append(raw, 9, 9, 9), nil); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("%v", got)
	}
}

func TestRunsOf(t *testing.T) {
	got := runsOf([]pageState{0, stateMapped | stateCached, stateMapped | stateCached, stateCached | stateDirty, 0, stateSwapped})
	want := []Run{{1, 2, "mc"}, {3, 1, "cd"}, {5, 1, "s"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
}

// changes is what a comparison page by page gives.
func TestChanges(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var a, b [40]pageState
		for i := range a {
			a[i], b[i] = pageState(random.IntN(3))*stateDirty, pageState(random.IntN(3))*stateDirty
		}
		var want []pages
		for i := range a {
			if a[i]&stateDirty != 0 && b[i]&stateDirty == 0 {
				want = append(want, pages{int64(i), int64(i) + 1})
			}
		}
		if got := changes(runsOf(a[:]), runsOf(b[:]), 'd', false); !slices.Equal(got, joined(want)) {
			t.Fatalf("%v, expected %v of %v and %v", got, joined(want), a, b)
		}
		if got := changes(runsOf(b[:]), runsOf(a[:]), 'd', true); !slices.Equal(got, joined(want)) {
			t.Fatalf("appeared: %v, expected %v", got, joined(want))
		}
	}
}

// addresses agrees with an array that has an entry for each address.
func TestAddresses(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var a addresses
		type at struct{ file, offset int }
		var model [64]at
		for i := range model {
			model[i].file = -1
		}
		for step := range 20 {
			start := random.IntN(63)
			beyond := start + 1 + random.IntN(63-start)
			offset := random.IntN(1000)
			a.put(mapped{uint64(start), uint64(beyond), uint64(offset), step})
			for i := start; i < beyond; i++ {
				model[i] = at{step, offset + i - start}
			}
			for i, want := range model {
				file, offset, found := a.find(uint64(i))
				if found != (want.file >= 0) || found && (file != want.file || int(offset) != want.offset) {
					t.Fatalf("address %d is %d+%d (%v), expected %+v; %+v", i, file, offset, found, want, a.ranges)
				}
			}
		}
	}
}

func TestNestAndSelfTimes(t *testing.T) {
	of := func(start, duration int64, async bool) span {
		return span{event.Event{StartNS: start, DurationNS: duration}, async, start == 0 || start == 100 || start == 120}
	}
	spans := []span{
		of(0, 100, false),  // 1
		of(10, 50, false),  // 2, in 1
		of(10, 0, false),   // 3, in 2
		of(20, 30, false),  // 4, in 2
		of(25, 500, true),  // 5, in 4, beside it
		of(60, 0, false),   // 6, at the end of 2
		of(100, 20, false), // 7, after 1
		of(110, 90, false), // 8, in 7, and longer
		of(120, 30, false), // 9, after 7
		of(160, 40, false), // 10, of no step
	}
	nest(spans)
	wantWithin := []int{0, 1, 2, 2, 4, 2, 0, 7, 0, 0}
	wantSelf := []int64{50, 20, 0, 30, 0, 0, 10, 10, 30, 0}
	for i := range spans {
		if spans[i].ID != i+1 || spans[i].Within != wantWithin[i] || spans[i].SelfNS != wantSelf[i] {
			t.Errorf("%d is within %d with %d, expected %d with %d", spans[i].ID, spans[i].Within, spans[i].SelfNS, wantWithin[i], wantSelf[i])
		}
	}
}

// Whatever the thread does within its steps and beside them, the events' own times add
// up to what the steps took.
func TestOwnTimesAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var spans []span
		var at, steps int64
		for range 5 {
			at += random.Int64N(50)
			took := 1 + random.Int64N(100)
			spans = append(spans, span{Event: event.Event{Stage: 1, StartNS: at, DurationNS: took}, step: true})
			at, steps = at+took, steps+took
		}
		for range random.IntN(20) { // reclaim, readahead and waits, of which the clocks may differ
			spans = append(spans, span{
				Event: event.Event{Stage: 1 + random.IntN(4), StartNS: random.Int64N(at), DurationNS: random.Int64N(60)},
				async: random.IntN(4) == 0,
			})
		}
		inOrder(spans)
		nest(spans)
		var events []event.Event
		for i := range spans {
			events = append(events, spans[i].Event)
		}
		var sum int64
		for _, s := range stagesOf(events) {
			if s.TimeNS != nil {
				sum += *s.TimeNS
			}
		}
		if sum != steps {
			t.Fatalf("the stages take %d of %d: %+v", sum, steps, spans)
		}
	}
}

func TestPatterns(t *testing.T) {
	const page = 4096
	size := int64(10*page + 1) // 11 pages
	for p, want := range map[Pattern][]int64{
		Sequential: {0, 1, 2, 3}, Backward: {10, 9, 8, 7}, Stride: {0, 2, 4, 6},
	} {
		got := p.offsets(size, page, 4, 0)
		for i := range got {
			got[i] /= page
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", p, got, want)
		}
	}
	for _, p := range Patterns {
		got := p.offsets(size, page, 100, 7)
		slices.Sort(got)
		if len(slices.Compact(got)) != 11 || got[0] != 0 || got[10] != 10*page {
			t.Errorf("%s of everything: %v", p, got)
		}
	}
	if a, b := Random.offsets(1<<30, page, 50, 1), Random.offsets(1<<30, page, 50, 1); !slices.Equal(a, b) {
		t.Error("the same seed gave another order")
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{
		{Pattern: "spiral"},
		{Advice: "good"},
		{Touches: -1},
		{Touches: MaxTouches + 1},
		{MemoryLimit: -1},
		{Tier: "first"},
		{InPlace: true, Private: true},
		{InPlace: true, MemoryLimit: 1 << 20},
		{NoWrite: true, InPlace: true},
		{NoWrite: true, Private: true},
	} {
		if err := o.complete(); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	o := Options{MemoryLimit: 8 << 20}
	if err := o.complete(); err != nil || !o.Private || o.Pattern != Sequential {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestMemoryGroups(t *testing.T) {
	for proc, want := range map[string]memoryGroup{
		"testdata/proc-v1": {1, "/sys/fs/cgroup/my memory", "/user/alice"},
		"testdata/proc-v2": {2, "/sys/fs/cgroup", "/user.slice/user-1000.slice"},
	} {
		if got, found := findMemoryGroup(proc); !found || got != want {
			t.Errorf("%s: %+v, expected %+v", proc, got, want)
		}
	}
	if g, found := findMemoryGroup("testdata/nowhere"); found {
		t.Errorf("found %+v", g)
	}
}

func TestMountsAreUnescaped(t *testing.T) {
	for _, s := range []string{"/a b", "/tab\there", `/back\slash`, "/plain", "/new\nline"} {
		escaped := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(s)
		if got := unescapeMount(escaped); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func FuzzMounts(f *testing.F) {
	f.Add(fixture(f, "proc-v1/self/mounts"))
	f.Add([]byte("a \\04 b c\\\n"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		parseMounts(text)
		parseOwnGroups(text)
		parseLost(text)
	})
}

func TestFindTarget(t *testing.T) {
	p, err := findTarget("testdata/proc-v1", 4711)
	if err != nil || p.start != "987654" || p.ended("testdata/proc-v1") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := findTarget("testdata/proc-v1", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v of a process that there is not", err)
	}
}
