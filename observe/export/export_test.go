package export

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// recorded are traces that were made on a machine, by their file in testdata.
var recorded = []string{"cold", "user", "swap", "command"}

func load(t testing.TB, name string) *observe.Document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	d := &observe.Document{}
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTextIsGolden(t *testing.T) {
	for _, name := range recorded {
		var b bytes.Buffer
		if err := Text(&b, load(t, name), TextOptions{}); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s differs from %s (go test -update writes it anew):\n%s", name, path, b.Bytes())
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: colours without a terminal", name)
		}
	}
}

func TestColors(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, load(t, "cold"), TextOptions{Color: true, All: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "\x1b[33m") || strings.Contains(b.String(), "more like this") {
		t.Error("no colours, or events left out")
	}
}

// JSON has every event, and reads back as what was written.
func TestJSONReadsBack(t *testing.T) {
	for _, name := range recorded {
		d := load(t, name)
		var b bytes.Buffer
		if err := JSON(&b, d); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var x, y any
		if json.Unmarshal(b.Bytes(), &x) != nil || json.Unmarshal(want, &y) != nil {
			t.Fatal("no JSON")
		}
		again, _ := json.Marshal(x)
		first, _ := json.Marshal(y)
		if !bytes.Equal(again, first) {
			t.Errorf("%s is not what was written", name)
		}
	}
}

// hostile is a trace of a file whose name tries to get out.
func hostile() *observe.Document {
	return observe.OfPager([]event.Event{event.New(event.Map, 0, 1, 0)}, "</script><script>alert(1)</script>\x1b[2J\u202e<img src=x onerror=alert(2)>", 4096, 4096)
}

func TestNamesCannotGetOut(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, hostile()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script>alert", "<img", "\x1b"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	if n := strings.Count(page, "</script>"); n != 2 {
		t.Errorf("%d ends of scripts", n)
	}
	for _, bad := range []string{"http://", "https://", "src="} {
		if strings.Contains(strings.ReplaceAll(page, "http://www.w3.org/2000/svg", ""), bad) && bad != "src=" {
			t.Errorf("the page asks the network: %q", bad)
		}
	}
	b.Reset()
	if err := Text(&b, hostile(), TextOptions{}); err != nil || strings.ContainsAny(b.String(), "\x1b\u202e") {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestLongTraceIsCut(t *testing.T) {
	events := make([]event.Event, MostPageEvents+5)
	for i := range events {
		events[i] = event.New(event.Fault, int64(i), 1, int64(i)*4096)
	}
	var b bytes.Buffer
	if err := HTML(&b, observe.OfPager(events, "f", 1<<30, 4096)); err != nil || !strings.Contains(b.String(), ">5 events, evenly in each phase") {
		t.Errorf("a page of %d bytes, %v", b.Len(), err)
	}
}

// phased is a trace of three phases, as a memory limit makes it: touches that fault,
// very many, then pages that go to swap, then a few that come back.
func phased() []event.Event {
	var events []event.Event
	add := func(name, phase string, within int) int {
		e := event.New(name, int64(len(events))*1000, 500, int64(len(events))*4096)
		e.ID, e.Within, e.Phase, e.Seen, e.Thread, e.Address, e.Frame = len(events)+1, within, phase, "tracepoint", 123456, 0x7fde740af000, 0x14a681
		events = append(events, e)
		return e.ID
	}
	for range 9000 {
		at := add(event.Access, "read", 0)
		fault := add(event.Fault, "read", at)
		add(event.Lookup, "read", fault)
		add(event.Add, "read", fault)
	}
	for i := range 3000 {
		at := add(event.Access, "store privately", 0)
		add(event.CopyOnWrite, "store privately", at)
		if i > 2900 {
			add(event.SwapOut, "store privately", at)
		}
	}
	for i := range 1000 {
		at := add(event.Access, "read again", 0)
		if i%2 == 1 {
			add(event.SwapIn, "read again", at)
		}
	}
	return events
}

// Every phase is in the page, with all that happens in it, evenly, and whole steps.
func TestPageHasEveryPhase(t *testing.T) {
	events := phased()
	chosen := pick(events, MostPageEvents)
	if len(chosen) > MostPageEvents || len(chosen) < MostPageEvents*9/10 {
		t.Errorf("%d events", len(chosen))
	}
	count, ids := map[string]int{}, map[int]bool{}
	for i, e := range chosen {
		count[e.Phase]++
		count[e.Name]++
		if e.Within != 0 && !ids[e.Within] || i > 0 && e.ID <= chosen[i-1].ID {
			t.Fatalf("event %d is within %d, after %d", e.ID, e.Within, chosen[max(i-1, 0)].ID)
		}
		ids[e.ID] = true
	}
	for what, least := range map[string]int{"read": 1800, "store privately": 1800, "read again": 1500, event.SwapIn: 500, event.SwapOut: 20} {
		if count[what] < least {
			t.Errorf("%d of %s, expected %d or more", count[what], what, least)
		}
	}
	middle := 0
	for _, e := range chosen {
		if e.Phase == "read" && e.ID > 12000 && e.ID <= 24000 {
			middle++
		}
	}
	if middle < count["read"]/4 || middle > count["read"]/2 {
		t.Errorf("%d of %d events are from the middle third", middle, count["read"])
	}
	var b bytes.Buffer
	if err := HTML(&b, observe.OfPager(events, "f", 1<<30, 4096)); err != nil || b.Len() > 1_500_000 {
		t.Errorf("a page of %d bytes, %v", b.Len(), err)
	}
}

// A step without end, and a trace of one phase, have room too.
func TestPickHasBounds(t *testing.T) {
	var events []event.Event
	for i := range 1000 {
		e := event.New(event.Fault, int64(i), 1, 0)
		if e.ID = i + 1; i > 0 {
			e.Within = 1
		}
		events = append(events, e)
	}
	for _, most := range []int{1, 7, 100, 999, 1000, 5000} {
		if n := len(pick(events, most)); n > most || n == 0 {
			t.Errorf("%d of %d", n, most)
		}
	}
}

func TestFormat(t *testing.T) {
	for got, want := range map[string]string{
		duration(0): "0 ns", duration(999): "999 ns", duration(1500): "1.50 µs", duration(999_600): "1.00 ms", duration(12_345_678): "12.3 ms", duration(3_000_000_000): "3.00 s",
		size(0): "0 B", size(1023): "1023 B", size(4096): "4 KiB", size(1 << 20): "1 MiB", size(3 << 29): "1.5 GiB",
		grouped(1): "1", grouped(1234): "1234", grouped(1234567): "1\u202f234\u202f567", grouped(-1234): "-1234",
		plural(1, "page"): "1 page", plural(2, "page"): "2 pages",
	} {
		if got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
}

// A program's memory without a file has addresses, and no offsets.
func TestSlowFaultsHaveAPlace(t *testing.T) {
	d := load(t, "command")
	for i := range d.Events {
		if e := &d.Events[i]; e.Name == event.Fault && e.Offset == event.NoOffset {
			e.DurationNS, e.Address = 1_000_000, 0x7f00dead0000
			break
		}
	}
	var b bytes.Buffer
	if err := Text(&b, d, TextOptions{}); err != nil || strings.Contains(b.String(), "offset -1") || !strings.Contains(b.String(), ", at 0x7f00dead0000, by") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// A fault that sleeps is told of however late it comes, and what is left out is counted.
func TestWhatIsNewIsNotLeftOut(t *testing.T) {
	var events []event.Event
	for i := range 40 {
		e := event.New(event.Fault, int64(i)*1000, 500, int64(i)*4096)
		e.ID, e.Phase, e.Kind, e.Write = i+1, "read", event.KindMinor, i%2 == 0 // no two in a row are alike
		if i == 30 {
			e.Kind = event.KindSlept
		}
		events = append(events, e)
	}
	d := observe.OfPager(events, "f", 1<<20, 4096)
	for i := range d.Events {
		d.Events[i].Phase, d.Events[i].Kind = events[i].Phase, events[i].Kind
	}
	var b bytes.Buffer
	if err := Text(&b, d, TextOptions{}); err != nil || !strings.Contains(b.String(), "(minor, and slept)") || strings.Count(b.String(), "events more") != 2 || strings.Count(b.String(), "--all prints") != 1 {
		t.Errorf("%v\n%s", err, b.String())
	}
}
