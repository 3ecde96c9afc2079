package comparison

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// TestSafety: filemap has an error or correct data in every cell.
func TestSafety(t *testing.T) {
	c := safety()
	for i := range c.Cases {
		k := c.Cases[i]
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			k.Contenders = slices.DeleteFunc(slices.Clone(k.Contenders), func(r harness.Contender) bool { return r.Role != harness.Ours })
			for _, r := range runSafety(t, c, &k).Results {
				if strings.Contains(r.Outcome, "needs FUSE") {
					t.Skip(r.Outcome)
				}
				if r.Median == nil || *r.Median != 1 {
					t.Errorf("%s: %s", r.Contender, r.Outcome)
				}
				if strings.Contains(r.Outcome, "/") && !strings.Contains(r.Outcome, "input/output") {
					t.Errorf("%s: a directory in %q", r.Contender, r.Outcome)
				}
			}
		})
	}
}

// TestSafetyPeers: the mishaps that need nothing of the system do happen, and are
// told apart.
func TestSafetyPeers(t *testing.T) {
	want := map[string]map[string]string{
		"truncated":       {"mmap-go": "crash: SIGBUS", "x/exp/mmap": "crash: SIGBUS"},
		"use-after-close": {"mmap-go": "crash: SIGSEGV", "x/exp/mmap": "error: mmap: closed"},
		"double-close":    {"prometheus": "crash: SIGSEGV", "x/exp/mmap": "correct data"},
		"stale-slice":     {"ristretto": "wrong data: "},
	}
	c := safety()
	for i := range c.Cases {
		k := c.Cases[i]
		outcomes := want[k.Name]
		if outcomes == nil {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			k.Contenders = slices.DeleteFunc(slices.Clone(k.Contenders), func(r harness.Contender) bool { return outcomes[r.Name] == "" })
			for _, r := range runSafety(t, c, &k).Results {
				if !strings.HasPrefix(r.Outcome, outcomes[r.Contender]) {
					t.Errorf("%s: %q, want %q", r.Contender, r.Outcome, outcomes[r.Contender])
				}
			}
		})
	}
}

func runSafety(t *testing.T, c *harness.Comparison, k *harness.Case) *harness.Document {
	t.Helper()
	d, err := harness.Run(t.Context(), c, k, harness.Settings{Runs: 1, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestMishapsCaught: the mishaps find fault with a library that lies.
func TestMishapsCaught(t *testing.T) {
	liar := contender.Subject{Open: func(string, bool) (*contender.Handle, error) {
		h := &contender.Handle{
			Load: func(p []byte, off int64) error {
				pattern(1)(p, off) // what data held, whatever it holds now
				return nil
			},
			Close: func() error { return nil },
			Guard: func(f func() error) error { return f() },
		}
		return h, nil
	}}
	dir := t.TempDir()
	if err := truncated(liar, dir); err != nil {
		t.Errorf("what the file once held is no wrong data: %v", err)
	}
	if _, err := takeAddress(liar, dir, 0); err == nil {
		t.Error("a stranger's page with another's content passes")
	}
	outcome := &returnedError{os.ErrClosed}
	if err := after(outcome, &contender.Handle{Load: func([]byte, int64) error { return os.ErrClosed }}, 1); !errors.Is(err, harness.ErrWrong) {
		t.Errorf("one error that takes all pages with it passes: %v", err)
	}
}

func TestJudge(t *testing.T) {
	d := &harness.Document{}
	outcomes := []struct{ before, after string }{
		{"ok", "correct data"},
		{"error: " + (&returnedError{os.ErrClosed}).Error(), "error: file already closed"},
		{"error: no space for the mishap", "failed: no space for the mishap"},
		{"unsupported: it only reads", "n.a.: it only reads"},
		{"wrong data: 1, not 2", "wrong data: 1, not 2"},
		{"crash: SIGBUS", "crash: SIGBUS"},
		{"hang: no answer", "hang: no answer"},
	}
	for _, o := range outcomes {
		d.Results = append(d.Results, harness.Result{Contender: o.after[:3], Outcome: o.before})
	}
	judge(d)
	values := ""
	for i, r := range d.Results {
		if r.Outcome != outcomes[i].after {
			t.Errorf("%q became %q, not %q", outcomes[i].before, r.Outcome, outcomes[i].after)
		}
		switch {
		case r.Median == nil:
			values += "-"
		case *r.Median == 1:
			values += "1"
		default:
			values += "0"
		}
	}
	if values != "11--000" {
		t.Errorf("values %s", values)
	}
	var out bytes.Buffer
	d.Case = "row"
	if err := safetyMatrix(&out, []*harness.Document{d}); err != nil {
		t.Fatal(err)
	}
	want := "safety  cor           err    fai     n.a   wro         cra    han\n" +
		"row     correct data  error  failed  n.a.  wrong data  crash  hang\n"
	if out.String() != want {
		t.Errorf("matrix:\n%s", &out)
	}
}

// TestTimeLimit: a cell that does not end is a hang.
func TestTimeLimit(t *testing.T) {
	for _, k := range safety().Cases {
		if k.Timeout == 0 || k.Timeout > time.Minute {
			t.Errorf("%s: time limit %v", k.Name, k.Timeout)
		}
	}
}
