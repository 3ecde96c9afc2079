package simulate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/filemap-go/filemap/pager/policy"
	"github.com/filemap-go/filemap/pager/simulate"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent")) // js's
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func traceOf(t testing.TB, pages ...uint64) *simulate.Trace {
	t.Helper()
	trace := &simulate.Trace{}
	for _, p := range pages {
		must(t, trace.Add(p))
	}
	return trace
}

func pagesOf(trace *simulate.Trace) []uint64 {
	pages := make([]uint64, len(trace.Pages))
	for i, n := range trace.Pages {
		pages[i] = trace.Names[n]
	}
	return pages
}

// The example of Belady's anomaly: what each policy does with it is known.
func TestRun(t *testing.T) {
	trace := traceOf(t, 1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5)
	var told []float64
	r, err := simulate.Run(context.Background(), trace, simulate.Options{
		Source: "belady", Policies: []string{"fifo", "lru"}, Budgets: []int{4, 3, 3, 100},
		Progress: func(done, total float64, _ string) { told = append(told, done/total) },
	})
	must(t, err)
	if r.Schema != "filemap/simulate/v1" || r.Accesses != 12 || r.DistinctPages != 5 || fmt.Sprint(r.BudgetsPages, r.Policies) != "[3 4 100] [opt fifo lru]" {
		t.Errorf("%+v", r)
	}
	want := [][]int{{7, 9, 10}, {6, 10, 8}, {5, 5, 5}}
	for i := range r.BudgetsPages {
		for j, name := range r.Policies {
			if got := r.At(i, j); got.Misses != want[i][j] || got.Policy != name || got.MissRatio != float64(got.Misses)/12 {
				t.Errorf("%+v, not %d", got, want[i][j])
			}
		}
	}
	if m := r.Means[1]; math.Abs(m.MissRatio-24.0/36) > 1e-9 || math.Abs(m.AboveOpt-6.0/36) > 1e-9 || r.Best != "lru" {
		t.Errorf("%+v, best %s", m, r.Best)
	}
	if len(told) != 9 || told[8] != 1 {
		t.Errorf("progress %v", told)
	}
}

// OPT misses exactly as often as the best of all ways to evict.
func TestOptIsLeast(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		pages := rapid.SliceOfN(rapid.Uint64Range(0, 5), 1, 14).Draw(r, "pages")
		frames := rapid.IntRange(1, 4).Draw(r, "frames")
		report, err := simulate.Run(context.Background(), traceOf(t, pages...), simulate.Options{Policies: []string{"fifo"}, Budgets: []int{frames}})
		must(t, err)
		if got, want := report.At(0, 0).Misses, bestOf(pages, nil, frames); got != want {
			r.Fatalf("%d misses, the best of all has %d", got, want)
		}
	})
}

func bestOf(pages, resident []uint64, frames int) int {
	if len(pages) == 0 {
		return 0
	}
	page, rest := pages[0], pages[1:]
	if slices.Contains(resident, page) {
		return bestOf(rest, resident, frames)
	}
	if len(resident) < frames {
		return 1 + bestOf(rest, append(slices.Clone(resident), page), frames)
	}
	best := math.MaxInt
	for i := range resident {
		changed := slices.Clone(resident)
		changed[i] = page
		best = min(best, 1+bestOf(rest, changed, frames))
	}
	return best
}

// No policy is below OPT, and more memory never costs OPT and LRU misses.
func TestCurves(t *testing.T) {
	for _, kind := range simulate.Kinds() {
		trace, err := simulate.Generate(simulate.Generated{Kind: kind, Pages: 2000, Accesses: 30_000, Skew: 0.9, Seed: 3})
		must(t, err)
		r, err := simulate.Run(context.Background(), trace, simulate.Options{})
		must(t, err)
		if fmt.Sprint(r.Policies) != fmt.Sprint(append([]string{"opt"}, policy.Names()...)) || len(r.BudgetsPages) != 12 {
			t.Fatalf("%s: %v at %v", kind, r.Policies, r.BudgetsPages)
		}
		lru := slices.Index(r.Policies, "lru")
		for i := range r.BudgetsPages {
			for j := range r.Policies {
				if r.At(i, j).Misses < max(r.At(i, 0).Misses, r.DistinctPages) {
					t.Errorf("%s: %+v is below OPT's %d", kind, r.At(i, j), r.At(i, 0).Misses)
				}
			}
			if i > 0 && (r.At(i, 0).Misses > r.At(i-1, 0).Misses || r.At(i, lru).Misses > r.At(i-1, lru).Misses) {
				t.Errorf("%s: more misses with %d pages than with %d", kind, r.BudgetsPages[i], r.BudgetsPages[i-1])
			}
		}
	}
}

func TestRunErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	full := traceOf(t, 1, 2, 3)
	for _, c := range []struct {
		name  string
		ctx   context.Context
		trace *simulate.Trace
		o     simulate.Options
		says  string
	}{
		{"empty", context.Background(), traceOf(t), simulate.Options{}, "the trace has no accesses"},
		{"budget", context.Background(), full, simulate.Options{Budgets: []int{0}}, "a budget of 0 pages"},
		{"policy", context.Background(), full, simulate.Options{Policies: []string{"arc"}}, `"arc"`},
		{"cancelled", ctx, full, simulate.Options{}, "context canceled"},
	} {
		if _, err := simulate.Run(c.ctx, c.trace, c.o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestReadText(t *testing.T) {
	const text = "\ufeff# a comment\n\n 17 # another\n0x2a\r\n0X2B\n010\n00000009\n008-010\n100-103\n5-3\n7-7\n18446744073709551615"
	trace, err := simulate.Read(strings.NewReader(text))
	must(t, err)
	want := []uint64{17, 42, 43, 10, 9, 8, 9, 10, 100, 101, 102, 103, 5, 4, 3, 7, math.MaxUint64}
	if got := pagesOf(trace); !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	for text, says := range map[string]string{
		"1\n2\nthree\n":                    `line 3 of the trace: "three" is no page number: write 17, 0x11 or 100-199`,
		"-1":                               `line 1 of the trace: "" is no page number`,
		"1-":                               `line 1 of the trace: "" is no page number`,
		"1-2-3":                            `"2-3" is no page number`,
		"18446744073709551616":             "18446744073709551616 is larger than any page number",
		"0-9999999999":                     "a trace has at most 1073741824 accesses",
		"1.5":                              `"1.5" is no page number`,
		"1_0":                              `"1_0" is no page number`,
		"0b1":                              `"0b1" is no page number`,
		"0o7":                              `"0o7" is no page number`,
		"0x":                               `"0x" is no page number`,
		"0x-1":                             `"0x" is no page number`,
		"+1":                               `"+1" is no page number`,
		strings.Repeat("x", 100):           "x…",
		"1\n" + strings.Repeat("9", 1<<17): "line 2 of the trace: too long for a page number",
	} {
		_, err := simulate.Read(strings.NewReader(text))
		var format *simulate.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), says) {
			t.Errorf("%.30q: %v, not %s", text, err, says)
		}
	}
	if _, err := simulate.Read(failingReader{}); !errors.Is(err, errRead) {
		t.Error(err)
	}
}

var errRead = errors.New("cannot be read")

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errRead }

func TestReadBinary(t *testing.T) {
	const magic = "filemap trace 1\n"
	for in, says := range map[string]string{
		magic + "\x02\x80":                 "byte 17 of the trace: it ends within a number",
		magic + strings.Repeat("\xff", 11): "byte 16 of the trace: a number is too large",
		magic[:len(magic)-1] + "2\n":       "is no page number",
	} {
		if _, err := simulate.Read(strings.NewReader(in)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, not %s", in, err, says)
		}
	}
	trace, err := simulate.Read(strings.NewReader(magic + "\x02\x02\x03"))
	must(t, err)
	if got := pagesOf(trace); !slices.Equal(got, []uint64{1, 2, 0}) {
		t.Error(got)
	}
	if _, err := simulate.Read(io.MultiReader(strings.NewReader(magic+"\x02"), failingReader{})); !errors.Is(err, errRead) {
		t.Error(err)
	}
}

// What is written is read back the same, in both formats.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		pages := rapid.SliceOf(rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 9))).Draw(r, "pages")
		trace := traceOf(t, pages...)
		for _, write := range []func(io.Writer) error{trace.WriteText, trace.WriteBinary} {
			var b bytes.Buffer
			must(t, write(&b))
			back, err := simulate.Read(&b)
			if err != nil || !slices.Equal(pagesOf(back), pages) {
				r.Fatalf("%v, %v", back, err)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("1\n2-5\n# c\n0x10"))
	f.Add([]byte("filemap trace 1\n\x02\x04\x80\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if bytes.Contains(in, []byte("-")) && !bytes.HasPrefix(in, []byte("filemap trace 1\n")) {
			return // a range may be long
		}
		trace, err := simulate.Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		var b bytes.Buffer
		must(t, trace.WriteBinary(&b))
		back, err := simulate.Read(&b)
		if err != nil || !slices.Equal(pagesOf(back), pagesOf(trace)) {
			t.Fatalf("%v, and back: %v, %v", pagesOf(trace), back, err)
		}
	})
}

// What the kinds of trace are known for.
func TestGenerate(t *testing.T) {
	generate := func(kind string, skew float64) []uint64 {
		g := simulate.Generated{Kind: kind, Pages: 1000, Accesses: 20_000, Skew: skew, Seed: 1}
		trace, err := simulate.Generate(g)
		must(t, err)
		again, err := simulate.Generate(g)
		must(t, err)
		pages := pagesOf(trace)
		if !slices.Equal(pages, pagesOf(again)) {
			t.Errorf("%s is not the same twice", kind)
		}
		for _, p := range pages {
			if p >= 1000 {
				t.Fatalf("%s has page %d", kind, p)
			}
		}
		return pages
	}
	// The hottest tenth of the pages gets as much as the distribution says.
	hot := func(pages []uint64) float64 {
		counts := make([]int, 1000)
		for _, p := range pages {
			counts[p]++
		}
		slices.Sort(counts)
		sum := 0
		for _, n := range counts[900:] {
			sum += n
		}
		return float64(sum) / float64(len(pages))
	}
	if share := hot(generate("zipf", 1)); share < 0.66 || share > 0.75 { // by the harmonic numbers 0.69
		t.Errorf("zipf: a tenth of the pages has %.3f of the accesses", share)
	}
	if share := hot(generate("zipf", 0)); share < 0.1 || share > 0.18 {
		t.Errorf("uniform: a tenth of the pages has %.3f of the accesses", share)
	}
	if pages := generate("scan", 0); pages[0] != 0 || pages[999] != 999 || pages[1000] != 0 {
		t.Errorf("scan: %v …", pages[:5])
	}
	if pages := generate("loop", 0); pages[99] != 99 || pages[100] != 0 {
		t.Errorf("loop: %v …", pages[:5])
	}
	shift := generate("shift", 1)
	hottest := func(pages []uint64) uint64 {
		counts := make([]int, 1000)
		for _, p := range pages {
			counts[p]++
		}
		return uint64(slices.Index(counts, slices.Max(counts)))
	}
	if first, later := hottest(shift[:1000]), hottest(shift[1000:2000]); first != later {
		t.Errorf("shift: the hottest page is %d and then %d, within a tenth", first, later)
	}
	seen := map[uint64]bool{}
	for i := range 10 {
		seen[hottest(shift[i*2000:][:2000])] = true
	}
	if len(seen) < 8 {
		t.Errorf("shift: %d pages are the hottest of the ten tenths", len(seen))
	}
	mixed := generate("mixed", 0.9)
	inOrder := 0
	for i := 1; i < len(mixed); i++ {
		if mixed[i] == mixed[i-1]+1 {
			inOrder++
		}
	}
	if share := float64(inOrder) / float64(len(mixed)); share < 0.12 || share > 0.25 {
		t.Errorf("mixed: %.2f of the accesses follow the page before", share)
	}
}

func TestGenerateErrors(t *testing.T) {
	good := simulate.Generated{Kind: "zipf", Pages: 10, Accesses: 10, Skew: 1}
	for says, change := range map[string]func(g *simulate.Generated){
		`kind "zap"`:      func(g *simulate.Generated) { g.Kind = "zap" },
		"of 0 pages":      func(g *simulate.Generated) { g.Pages = 0 },
		"of -1 accesses":  func(g *simulate.Generated) { g.Accesses = -1 },
		"a skew of NaN":   func(g *simulate.Generated) { g.Skew = math.NaN() },
		"a skew of 5.5":   func(g *simulate.Generated) { g.Skew = 5.5 },
		"of 67108865 pag": func(g *simulate.Generated) { g.Pages = 1<<26 + 1 },
	} {
		g := good
		change(&g)
		if _, err := simulate.Generate(g); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, not %s", err, says)
		}
	}
}

func TestReports(t *testing.T) {
	trace := traceOf(t, 1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5)
	r, err := simulate.Run(context.Background(), trace, simulate.Options{Source: "a<b", Policies: []string{"fifo", "lru"}, Budgets: []int{3, 4}})
	must(t, err)
	var text bytes.Buffer
	must(t, simulate.WriteText(&text, r))
	const want = `a<b: 12 accesses to 5 pages; misses in % of them

  pages  of all    opt    fifo     lru 
      3    60 %  58.33   75.00*  83.33 
      4    80 %  50.00   83.33   66.67*
   mean          54.17   79.17   75.00*

lru misses least, over these budgets: 75.00 % of the accesses; no policy can miss less than 54.17 %.
`
	if text.String() != want {
		t.Errorf("got\n%s\nnot\n%s", text.String(), want)
	}
	var svg bytes.Buffer
	must(t, simulate.WriteSVG(&svg, r))
	for d := xml.NewDecoder(bytes.NewReader(svg.Bytes())); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, part := range []string{"a&lt;b", ">lru<", ">opt<", "stroke-dasharray", "memory (pages)"} {
		if !strings.Contains(svg.String(), part) {
			t.Errorf("no %s in the picture", part)
		}
	}
	for _, part := range []string{"prefers-color-scheme: dark", "system-ui"} {
		if !strings.Contains(svg.String(), part) {
			t.Errorf("no %s in the picture, which looks like no other of ours", part)
		}
	}
	one, err := simulate.Run(context.Background(), trace, simulate.Options{Budgets: []int{1}})
	must(t, err)
	must(t, simulate.WriteSVG(io.Discard, one))
	document, err := json.Marshal(r)
	must(t, err)
	for _, field := range []string{`"schema":"filemap/simulate/v1"`, `"budget_pages":3`, `"miss_ratio":0.75`, `"above_opt":`, `"best":"lru"`} {
		if !strings.Contains(string(document), field) {
			t.Errorf("no %s in %s", field, document)
		}
	}
}

// Who is not better than another is not called the best.
func TestSentence(t *testing.T) {
	for _, c := range []struct {
		pages    []uint64
		policies []string
		want     string
	}{
		{[]uint64{1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5}, []string{"fifo", "lru"}, "fifo misses least, over these budgets: 75.00 % of the accesses; no policy can miss less than 58.33 %."},
		{[]uint64{1, 2, 3, 4}, []string{"fifo", "lru"}, "All policies miss equally often, over these budgets: 100.00 % of the accesses; no policy can miss less than 100.00 %."},
		{[]uint64{1, 2, 3, 1, 4, 1, 2}, []string{"fifo", "lru", "clock"}, "lru and clock miss least, and equally often, over these budgets: 71.43 % of the accesses; no policy can miss less than 57.14 %."},
		{[]uint64{1}, []string{}, "No policy was asked for."},
	} {
		r, err := simulate.Run(context.Background(), traceOf(t, c.pages...), simulate.Options{Policies: c.policies, Budgets: []int{3}})
		must(t, err)
		if got := r.Sentence(); got != c.want {
			t.Errorf("of %v: %s\nexpected %s", c.pages, got, c.want)
		}
	}
}
