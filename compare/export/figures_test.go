package export

import (
	"strings"
	"testing"

	"github.com/filemap-go/filemap/compare"
)

func TestFigures(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{duration(0), "0"},
		{duration(8.4), "8.40 ns"},
		{duration(999.4), "999 ns"},
		{duration(999.6), "1.00 µs"},
		{duration(17480), "17.5 µs"},
		{duration(154e6), "154 ms"},
		{duration(3.6e12), "3600 s"},
		{size(0), "0"},
		{size(512), "512 B"},
		{size(80000), "80.0 kB"},
		{size(999999), "1.00 MB"},
		{exactSize(40000), "40 kB"},
		{exactSize(4096), "4 KiB"},
		{exactSize(256 << 20), "256 MiB"},
		{exactSize(2560000), "2.56 MB"},
		{exactSize(8), "8 B"},
		{count(10), "10"},
		{count(10.5), "10.5"},
		{count(65536), "65\u202f536"},
		{count(1234567), "1.23 M"},
		{grouped(-1234567), "-1\u202f234\u202f567"},
		{times(3.292), "3.29×"},
		{times(0.05), "0.050×"},
		{times(0), "?"},
		{interval(5280, 5340), "5.28 – 5.34 µs"},
		{interval(900, 1100), "900 ns – 1.10 µs"},
		{spread(100, 98, 105), "5 %"},
		{spread(100, 99.9, 100.2), "0.2 %"},
		{quoted("a b'c"), `'a b'\''c'`},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}

// TestWidth measures text as a terminal shows it, not in bytes.
func TestWidth(t *testing.T) {
	for text, want := range map[string]int{"µs": 2, "数据": 4, "e\u0301": 1, "👩‍🚀": 2, "●": 1} {
		if got := width(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
	if got := shortened("数据数据", 5); got != "数据…" {
		t.Errorf("cut to %q", got)
	}
}

// TestTextFits no line is wider than the terminal, whatever the names.
func TestTextFits(t *testing.T) {
	for name, report := range reports {
		for _, columns := range []int{24, 40, 60, 80, 100, 120, 200} {
			r := report()
			r.Results[0].Contender = strings.Repeat("长", 40)
			var b strings.Builder
			if err := Text(&b, r, TextOptions{Width: columns}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if got := width(strings.TrimRight(line, "\n")); got > columns {
					t.Errorf("%s at %d columns has a line of %d: %s", name, columns, got, line)
				}
			}
		}
	}
}

// TestSpans reads back what a painter wrote.
func TestSpans(t *testing.T) {
	p := painter(true)
	line := p.paint(mapping, "a") + " b " + p.paint(strong, "c")
	want := []span{{"a", mapping}, {" b ", normal}, {"c", strong}}
	got := spans(line)
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("%q reads as %v, want %v", line, got, want)
		}
	}
}

// TestNoughtDrawsNothing: what is written as 0 has no bar, be it all there is.
func TestNoughtDrawsNothing(t *testing.T) {
	sleeps := func(values ...float64) []compare.Result {
		var results []compare.Result
		for _, v := range values {
			results = append(results, compare.Result{Contender: "x", Outcome: "ok", Sleeps: &v})
		}
		return results
	}
	drawn, silent := panels(warmIncrement(), sleeps(0, 0.01, 0.04))
	if len(drawn) != 0 || silent != "sleeps" {
		t.Errorf("%+v is drawn, %q is nought", drawn, silent)
	}
	drawn, _ = panels(warmIncrement(), sleeps(0.04, 2))
	if len(drawn) != 1 || !drawn[0].Bars[0].Nought || drawn[0].Bars[0].Value != "0" || drawn[0].Bars[0].Length != "" || drawn[0].Bars[1].Length != "100%" {
		t.Errorf("%+v", drawn)
	}
	if amplification := reasons[len(reasons)-1]; amplification.nought(0.04) || !amplification.nought(0) {
		t.Error("a ratio of 0.04 is written as 0.040")
	}
}
