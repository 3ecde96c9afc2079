package terminal_test

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap/internal/terminal"
)

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{"µs": 2, "数据": 4, "e\u0301": 1, "👩‍🚀": 2, "●": 1, "\x1b[1mab\x1b[0m": 2, "": 0} {
		if got := terminal.Width(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		line    string
		columns int
		want    string
	}{
		{"12 345", 6, "12 345"},
		{"12 345", 5, "12 3…"},
		{"数据数据", 5, "数据…"},
		{"数据数据", 6, "数据…"},
		{"\x1b[1mabc\x1b[0m", 2, "\x1b[1ma…\x1b[0m"},
		{"abc", 1, "…"},
		{"abc", 0, ""},
	} {
		if got := terminal.Cut(c.line, c.columns); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.line, c.columns, got, c.want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"short", "a b\n", "a b\n"},
		{"prose", "  one two three four five\n", "  one two three four\n    five\n"},
		{"a table", "  name        12345 67890\nx\n", "  name        12345…\nx\n"},
		{"a long word", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrs…"},
		{"a long word in prose", "see abcdefghijklmnopqrstuvwxyz", "see\n  abcdefghijklmnopqr\n  stuvwxyz"},
		{"far in", "                    a b c d e f g h i j", "          a b c d e\n          f g h i j"},
	} {
		if got := terminal.Fit(c.text, 20); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Nothing is wider than the terminal, and no word of prose is lost.
func TestFitAlwaysFits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab数 \n…"))).Draw(r, "text")
		columns := rapid.IntRange(8, 30).Draw(r, "columns")
		got := terminal.Fit(text, columns)
		for line := range strings.Lines(got) {
			if w := terminal.Width(strings.TrimRight(line, "\n")); w > columns {
				r.Fatalf("%d columns of %d: %q", w, columns, line)
			}
		}
		letters := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if !strings.Contains(text, "  ") && !strings.Contains(got, "…") && letters(got) != letters(text) {
			r.Fatalf("%q became %q", text, got)
		}
	})
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"2\u202f560 of 1\u202f234\u202f567 pages": "2560 of 1234567 pages",
		"3.04.05\u202fPM.png":                     "3.04.05\u202fPM.png",
	} {
		if got := terminal.Plain(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What is no terminal gets plain text.
func TestWriteToAPipe(t *testing.T) {
	var b bytes.Buffer
	l := terminal.Of(&b)
	if l != (terminal.Look{Dumb: true}) {
		t.Errorf("%+v", l)
	}
	long := strings.Repeat("word ", 100)
	if err := l.Write(&b, "2\u202f560  "+long); err != nil || b.String() != "2560  "+long {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestGroup(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 9999: "9999", 10_000: "10\u202f000", 1_234_567: "1\u202f234\u202f567", -123_456: "-123\u202f456", -9999: "-9999",
		math.MinInt64: "-9\u202f223\u202f372\u202f036\u202f854\u202f775\u202f808",
	} {
		if got := terminal.Group(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
		if got := terminal.Plain(terminal.Group(n)); got != strconv.FormatInt(n, 10) {
			t.Errorf("%d: %q in plain", n, got)
		}
	}
}
