package export

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/filemap-go/filemap/compare"
)

// evil is what a file's name may hold, and must not do.
const evil = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(2)>\" onload='x' {{.}} ]]> &amp;" +
	"\x1b]0;owned\x07\x1b[2J\r\nBenchmarkForged 1 1 ns/op\u202e\u2028\x00\xff'; rm -rf /"

// hostile is a report in which every text that comes from outside is evil.
func hostile() *compare.Report {
	r := coldRandom()
	r.File = compare.File{Path: evil, Copy: true, Of: evil}
	r.Machine.Kernel, r.Machine.FileSystem = evil, evil
	r.Settings.Pattern = evil
	for i := range r.Results {
		r.Results[i].Contender += evil
		r.Results[i].Description = evil
	}
	r.Results[len(r.Results)-1].Outcome = evil
	r.Comparisons[0].Results = r.Results
	r.Verdict = compare.Verdict{Winner: evil, Sentence: evil, Cause: evil, Remedy: evil}
	r.Warnings = []string{evil}
	r.Unknown = append(r.Unknown, compare.Withheld{Field: evil, Reason: evil})
	return r
}

func exported(t *testing.T, export func(io.Writer, *compare.Report) error, r *compare.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := export(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHostileText(t *testing.T) {
	for _, ending := range []string{"80.txt", "130.txt", "bench.txt", "html", "svg"} {
		text := exported(t, exporters[ending], hostile())
		for _, r := range text {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Errorf("%s holds %U", ending, r)
			}
		}
		if strings.Contains(text, "\nBenchmarkForged") {
			t.Errorf("%s holds a forged line", ending)
		}
	}
	if color := exported(t, exporters["color.80.txt"], hostile()); strings.Contains(color, "\x1b]") || strings.Contains(color, "\x1b[2J") {
		t.Error("an escape sequence passed")
	}
}

func TestHostileJSON(t *testing.T) {
	var back compare.Report
	if err := json.Unmarshal([]byte(exported(t, JSON, hostile())), &back); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToValidUTF8(evil, "\uFFFD"); back.File.Path != want {
		t.Errorf("the path came back as %q, want %q", back.File.Path, want)
	}
}

// TestHostileMarkup finds no element and no handler that is not the page's own.
func TestHostileMarkup(t *testing.T) {
	page := exported(t, HTML, hostile())
	for _, forbidden := range []string{"<script", "<img", "ZgotmplZ"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page holds %s", forbidden)
		}
	}
	if strings.Count(page, "</title>") != strings.Count(page, "<title>") {
		t.Error("a title was closed from outside")
	}
	decoder := xml.NewDecoder(strings.NewReader(exported(t, SVG, hostile())))
	known := map[string]bool{
		"svg": true, "title": true, "style": true, "rect": true, "circle": true, "line": true,
		"path": true, "g": true, "text": true,
	}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, is := token.(xml.StartElement); is && !known[start.Name.Local] {
			t.Errorf("the picture holds <%s>", start.Name.Local)
		}
	}
}

// TestScant exports reports that hold next to nothing.
func TestScant(t *testing.T) {
	failed := coldRandom()
	for i := range failed.Results {
		failed.Results[i] = compare.Result{Contender: failed.Results[i].Contender, Outcome: "no space left on device"}
	}
	failed.Comparisons[0].Results = failed.Results
	nought := warmIncrement()
	for i := range nought.Results {
		r := &nought.Results[i]
		*r = compare.Result{Contender: r.Contender, Family: r.Family, Runs: 1, Verified: true, Outcome: "ok"}
	}
	nought.Comparisons[0].Results = nought.Results
	bare := sweep()
	for i := range bare.Comparisons {
		bare.Comparisons[i].Results = nil
	}
	for name, r := range map[string]*compare.Report{
		"empty": {}, "all failed": failed, "nought": nought, "bare sweep": bare,
	} {
		for ending, export := range exporters {
			text := exported(t, export, r)
			for _, wrong := range []string{"NaN", "Inf", "%!"} {
				if strings.Contains(text, wrong) {
					t.Errorf("%s as %s holds %s:\n%s", name, ending, wrong, text)
				}
			}
		}
	}
}

// TestUnboundedInterval draws what JSON cannot hold: too few runs for an interval.
func TestUnboundedInterval(t *testing.T) {
	r := warmIncrement()
	for i := range r.Results {
		r.Results[i].LowNs, r.Results[i].HighNs = math.Inf(-1), math.Inf(1)
	}
	r.Comparisons[0].Results = r.Results
	if text := exported(t, exporters["80.txt"], r); !strings.Contains(text, "± ∞ %") {
		t.Error(text)
	}
	if err := JSON(io.Discard, r); err == nil {
		t.Error("JSON wrote an infinite number")
	}
}
