package harness

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// TestOutcomes: whatever a contender does, it is a result and the run goes on.
func TestOutcomes(t *testing.T) {
	c := fakes()
	dir := t.TempDir()
	d, err := Run(t.Context(), c, &c.Cases[0], Settings{Runs: 7, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"fine":                 "ok",
		"fine isolated":        "ok",
		"wrong":                "wrong data: byte 7 is 3",
		"wrong isolated":       "wrong data: byte 7 is 3",
		"failing":              "error: invalid argument",
		"failing isolated":     "error: invalid argument",
		"unsupported":          "unsupported: no mappings here: unsupported operation",
		"unsupported isolated": "unsupported: no mappings here: unsupported operation",
		"unchecked":            "error: nobody checks what this contender does",
		"panicking":            "crash: panic: out of order",
		"panicking isolated":   "crash: panic: out of order",
		"panicking elsewhere":  "crash: panic: in a goroutine",
		"truncated under it":   "crash: SIGBUS",
		"killed":               "crash: killed",
		"exiting":              "crash: exit status 3",
		"exiting at once":      "crash: ended without an answer",
		"hanging":              "hang: no answer in 2s",
	}
	for _, r := range d.Results {
		if got := r.Outcome; got != want[r.Contender] {
			t.Errorf("%s: outcome %q, want %q", r.Contender, got, want[r.Contender])
		}
		delete(want, r.Contender)
		ok := r.Outcome == outcomeOK
		if ok != (r.Median != nil) || ok != (r.Low != nil) || ok != (r.High != nil) || ok != (r.Runs == 7) {
			t.Errorf("%s: values %v %v %v, %d runs do not go with outcome %q", r.Contender, r.Median, r.Low, r.High, r.Runs, r.Outcome)
		}
	}
	for name := range want {
		t.Errorf("%s: no result", name)
	}
	// The one peer that did the work took a millisecond, ours next to nothing.
	if d.RatioToBestPeer == nil || *d.RatioToBestPeer < 10 {
		t.Errorf("ratio to best peer is %v", d.RatioToBestPeer)
	}
	if d.RatioToBestAlternative != nil || d.RatioToLimit != nil {
		t.Errorf("ratios to nobody: %v, %v", d.RatioToBestAlternative, d.RatioToLimit)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWarmUpFindsOperations(t *testing.T) {
	perOp := 100 * time.Microsecond
	most := 0
	c := Comparison{Name: "sleepy", Cases: []Case{{Name: "c", Better: Lower, Contenders: []Contender{{
		Name: "a", Role: Ours, New: func(string) (*Task, error) {
			return &Task{
				Run:   func(n int) error { most = max(most, n); time.Sleep(time.Duration(n) * perOp); return nil },
				Check: func(int) error { return nil },
			}, nil
		},
	}}}}}
	d, err := Run(t.Context(), &c, &c.Cases[0], Settings{Runs: 2, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if most < 16 || most > 128 {
		t.Errorf("a run has %d operations of %v", most, perOp)
	}
	if got := d.Results[0]; got.Low != nil || got.Median == nil || *got.Median < float64(perOp) {
		t.Errorf("two runs: median %v, low %v", got.Median, got.Low)
	}
}

// TestOrder: every round has everybody once, and Before comes before each run.
func TestOrder(t *testing.T) {
	var log strings.Builder
	contender := func(name string) Contender {
		return Contender{Name: name, Role: Ours, New: func(string) (*Task, error) {
			return &Task{
				Before:  func(int) error { log.WriteString("-"); return nil },
				Measure: func(int) (float64, error) { log.WriteString(name); return 1, nil },
				Check:   func(int) error { log.WriteString("."); return nil },
				Close:   func() error { log.WriteString("x"); return nil },
			}, nil
		}}
	}
	c := Comparison{Cases: []Case{{Ops: 1, Better: Lower, Contenders: []Contender{contender("a"), contender("b"), contender("c")}}}}
	if _, err := Run(t.Context(), &c, &c.Cases[0], Settings{Runs: 40, Dir: t.TempDir(), attempts: 1}); err != nil {
		t.Fatal(err)
	}
	rounds, ok := strings.CutSuffix(log.String(), "xxx")
	if !ok || len(rounds) != 41*9 {
		t.Fatalf("log %q", log.String())
	}
	orders := map[string]bool{}
	for round := 9; round < len(rounds); round += 9 {
		order := rounds[round : round+9]
		orders[order] = true
		if order[0:1]+order[2:4]+order[5:7]+order[8:9] != "-.-.-." || !strings.Contains(order, "a") || !strings.Contains(order, "b") || !strings.Contains(order, "c") {
			t.Fatalf("round %q", order)
		}
	}
	if len(orders) != 6 {
		t.Errorf("%d orders in 40 rounds, of 6", len(orders))
	}
}

func TestNoRace(t *testing.T) {
	boom := errors.New("disk full")
	c := Comparison{Name: "x", Cases: []Case{{Name: "y", Prepare: func(string) error { return boom }}}}
	dir := t.TempDir()
	if _, err := Run(t.Context(), &c, &c.Cases[0], Settings{Dir: dir}); !errors.Is(err, boom) {
		t.Errorf("Prepare failed, Run says %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := fakes()
	if _, err := Run(ctx, f, &f.Cases[0], Settings{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, Run says %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDisturbed: a run that waited is repeated, and the least disturbed counts.
func TestDisturbed(t *testing.T) {
	for _, test := range []struct {
		waits []time.Duration // of 100
		want  float64         // the number of the run that counts
		still int
	}{
		{[]time.Duration{1, 50}, 1, 0},
		{[]time.Duration{60, 2, 0}, 2, 0},
		{[]time.Duration{60, 30, 40, 50, 0}, 2, 1},
	} {
		runs := 0
		r := racer{contender: &Contender{}, runner: fakeRunner(func() (sample, error) {
			runs++
			return sample{Value: float64(runs), TookNs: 100, WaitedNs: test.waits[runs-1]}, nil
		})}
		r.round(4)
		if len(r.values) != 1 || r.values[0] != test.want || r.disturbed != test.still {
			t.Errorf("waits %v: values %v, %d disturbed; want run %v", test.waits, r.values, r.disturbed, test.want)
		}
	}
	warned := ""
	s := Settings{Warn: func(text string) { warned = text }}
	s.warnOfDisturbance(&Comparison{Name: "a"}, &Case{Name: "b"}, []*racer{{values: make([]float64, 20), disturbed: 3}})
	if !strings.HasPrefix(warned, "a/b: the machine is busy: 3 of 20 runs") {
		t.Errorf("warned %q", warned)
	}
}

type fakeRunner func() (sample, error)

func (f fakeRunner) run(int) (sample, error) { return f() }
func (f fakeRunner) close() error            { return nil }

func TestWaitedBetween(t *testing.T) {
	before := map[string]threadTimes{"worker": {100, 10}, "idler": {5, 5}}
	after := map[string]threadTimes{"worker": {190, 30}, "idler": {6, 95}, "new": {50, 7}}
	if got := waitedBetween(before, after, 100); got != 27 {
		t.Errorf("waited %d, want what worker and new did: 27", got)
	}
}
