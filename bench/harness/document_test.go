package harness

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func racerOf(name string, role Role, values ...float64) *racer {
	return &racer{contender: &Contender{Name: name, Role: role}, values: values}
}

func times7(v float64) []float64 { return []float64{v, v, v, v, v, v, v} }

// golden is a race with a result of each kind.
func golden() *Document {
	crashed := racerOf("crasher", Peer, 1, 2)
	crashed.err = fmt.Errorf("%w: SIGBUS", errCrash)
	return newDocument("increment", &Case{Name: "40KB", Unit: "ns/op", Better: Lower}, []*racer{
		racerOf("filemap kept", Ours, times7(100)...),
		racerOf("filemap one-shot", Ours, times7(700)...),
		racerOf("mmap-go kept", Peer, times7(125)...),
		racerOf("another", Peer, times7(150)...),
		crashed,
		racerOf("os.File", Alternative, 340, 320, 330, 310, 300, 360, 350),
		racerOf("raw mapping", Limit, 99, 98),
	})
}

func TestDocumentIsTheContract(t *testing.T) {
	got, err := golden().JSON()
	if err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "document.json", string(got)+"\n")
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := golden().Table(&b); err != nil {
		t.Fatal(err)
	}
	compareGolden(t, "table.txt", b.String())
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s (UPDATE=1 rewrites it):\n got %s\nwant %s", path, got, want)
	}
}

func TestRatios(t *testing.T) {
	wrong := func(r *racer) *racer { r.err = Wrong("x"); return r }
	for _, test := range []struct {
		name                     string
		better                   Better
		racers                   []*racer
		peer, alternative, limit float64 // 0: none
	}{
		{
			"lower is better: ours took half", Lower,
			[]*racer{racerOf("o", Ours, times7(5)...), racerOf("p", Peer, times7(10)...), racerOf("l", Limit, times7(4)...)},
			2, 0, 0.8,
		},
		{
			"higher is better: ours did double", Higher,
			[]*racer{racerOf("o", Ours, times7(10)...), racerOf("p", Peer, times7(5)...), racerOf("l", Limit, times7(12.5)...)},
			2, 0, 0.8,
		},
		{
			"the best of several, lower", Lower,
			[]*racer{racerOf("o", Ours, times7(10)...), racerOf("a", Alternative, times7(30)...), racerOf("b", Alternative, times7(20)...)},
			0, 2, 0,
		},
		{
			"the best of several, higher", Higher,
			[]*racer{racerOf("o", Ours, times7(60)...), racerOf("a", Alternative, times7(30)...), racerOf("b", Alternative, times7(20)...)},
			0, 2, 0,
		},
		{
			"the first of ours counts, even if it is the worse", Lower,
			[]*racer{racerOf("o", Ours, times7(10)...), racerOf("o2", Ours, times7(1)...), racerOf("p", Peer, times7(10)...)},
			1, 0, 0,
		},
		{
			"wrong data is nobody's best", Lower,
			[]*racer{racerOf("o", Ours, times7(10)...), wrong(racerOf("p", Peer, times7(1)...)), racerOf("q", Peer, times7(20)...)},
			2, 0, 0,
		},
		{
			"ours is wrong: no ratio", Lower,
			[]*racer{wrong(racerOf("o", Ours, times7(1)...)), racerOf("o2", Ours, times7(1)...), racerOf("p", Peer, times7(20)...)},
			0, 0, 0,
		},
		{
			"rounds are pairs: a slow machine is slow for both", Lower,
			[]*racer{racerOf("o", Ours, 1, 10, 100, 1000, 10000, 1, 1), racerOf("p", Peer, 2, 20, 200, 2000, 20000, 2, 2)},
			2, 0, 0,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocument("n", &Case{Better: test.better}, test.racers)
			check := func(what string, got *float64, want float64) {
				if (got == nil) != (want == 0) || got != nil && math.Abs(*got-want) > 1e-9 {
					t.Errorf("ratio to %s: %v, want %v", what, times(got), want)
				}
			}
			check("best peer", d.RatioToBestPeer, test.peer)
			check("best alternative", d.RatioToBestAlternative, test.alternative)
			check("limit", d.RatioToLimit, test.limit)
		})
	}
}

func TestSummarize(t *testing.T) {
	s := summarize([]float64{9, 1, 5, 7, 3, 2, 8, 4, 6})
	if s.median != 5 || s.low == nil || *s.low != 2 || s.high == nil || *s.high != 8 {
		t.Errorf("1 to 9: %v", s)
	}
	if s := summarize([]float64{1, 2, 3}); s.median != 2 || s.low != nil || s.high != nil {
		t.Errorf("three values have no interval: %v", s)
	}
	values := []float64{3, 1, 2}
	if summarize(values); values[0] != 3 {
		t.Error("the rounds were put out of order")
	}
}

func TestRatioOfNothing(t *testing.T) {
	if _, ok := ratioOf(Lower, nil, []float64{1}); ok {
		t.Error("a ratio of no rounds")
	}
	if _, ok := ratioOf(Lower, []float64{0, 0}, []float64{1, 1}); ok {
		t.Error("a ratio to zero")
	}
	if s, ok := ratioOf(Higher, []float64{4, 4, 9}, []float64{2, 2}); !ok || s.median != 2 {
		t.Errorf("rounds that both have: %v", s)
	}
}

func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"unexpected fault address 0x7f\nfatal error: fault\n[signal SIGBUS: bus error code=0x2 addr=0x7f pc=0x4]\n": "SIGBUS",
		"fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1":                                         "fatal error: all goroutines are asleep - deadlock!",
		"warning: x\npanic: boom\n": "panic: boom",
		"no such comparison\n":      "no such comparison",
		"":                          "",
	} {
		h := &head{}
		if n, err := h.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write = %d, %v", n, err)
		}
		if got := h.reason(); got != want {
			t.Errorf("reason of %q is %q, want %q", text, got, want)
		}
	}
	if !errors.Is((&answer{Error: "crash: x", Crash: true}).err(), errCrash) {
		t.Error("a child's crash is none here")
	}
}
