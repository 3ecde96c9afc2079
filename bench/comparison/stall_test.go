package comparison

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filemap-go/filemap/bench/harness"
)

// TestStall: a contender that waits in a system call and one that waits in a
// fault are told apart.
func TestStall(t *testing.T) {
	c := stall()
	for _, test := range []struct {
		name        string
		waits, held func(v float64) bool
	}{
		{"gc_ms", func(v float64) bool { return v < 300 }, func(v float64) bool { return v > 300 }},
		{"gc_first_ms", func(v float64) bool { return v < 300 }, func(v float64) bool { return v > 300 }},
		{"ticks", func(v float64) bool { return v > 20 }, func(v float64) bool { return v < 20 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := slices.IndexFunc(c.Cases, func(k harness.Case) bool { return k.Name == test.name })
			k := c.Cases[i]
			k.Contenders = slices.DeleteFunc(slices.Clone(k.Contenders), func(r harness.Contender) bool {
				return r.Name != "filemap ReadAt" && r.Name != "mmap-go bytes"
			})
			d, err := harness.Run(t.Context(), c, &k, harness.Settings{Runs: 1, Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			for i, good := range []func(float64) bool{test.waits, test.held} {
				r := d.Results[i]
				switch {
				case strings.Contains(r.Outcome, "needs FUSE"):
					t.Skip(r.Outcome)
				case r.Outcome != "ok":
					t.Errorf("%s: %s", r.Contender, r.Outcome)
				case !good(*r.Median):
					t.Errorf("%s: %v %s", r.Contender, *r.Median, d.Unit)
				}
			}
		})
	}
}

// TestStallCheck: an access that did not wait, or brought another page, is found.
func TestStallCheck(t *testing.T) {
	s := &stalled{page: make([]byte, pageBytes), took: stallTime}
	pattern(1)(s.page, slowPage*pageBytes)
	if err := s.check(); err != nil {
		t.Error(err)
	}
	s.took = stallTime / 2
	if !errors.Is(s.check(), harness.ErrWrong) {
		t.Error("a quick page passes")
	}
	s.took = stallTime
	pattern(1)(s.page, 0)
	if !errors.Is(s.check(), harness.ErrWrong) {
		t.Error("another page passes")
	}
}

// TestMeanwhile: what the two measure, of an access that only sleeps.
func TestMeanwhile(t *testing.T) {
	failed := errors.New("failed")
	access := func() error { time.Sleep(100 * time.Millisecond); return failed }
	if ms, err := worstCollection(access); ms <= 0 || !errors.Is(err, failed) {
		t.Errorf("collection of %v ms, %v", ms, err)
	}
	if n, err := ticksMeanwhile(access); n < 2 || n > 110 || !errors.Is(err, failed) {
		t.Errorf("%v ticks, %v", n, err)
	}
	if n, err := ticksMeanwhile(func() error { return nil }); n > 5 || err != nil {
		t.Errorf("%v ticks in no time, %v, with GOMAXPROCS %d", n, err, runtime.GOMAXPROCS(0))
	}
}
