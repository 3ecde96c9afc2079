package harness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"time"
)

// SampleTime is what one run of a contender should take at least, where the
// case does not fix the number of operations.
const SampleTime = 5 * time.Millisecond

// DefaultTimeout is how long an isolated contender may be silent.
const DefaultTimeout = time.Minute

const maxOps = 1 << 30

// Settings are what the command line asked for.
type Settings struct {
	Runs     int           // rounds at least
	Time     time.Duration // of one case: rounds are added until it is over
	Dir      string        // where the files are made
	Progress func(string)  // what is being done; may be nil
	Warn     func(string)  // what makes the figures worth less; may be nil

	attempts int // at a run that is disturbed; 0 is maxAttempts
}

// racer is a contender in the race: its runner, until it fails, and what it measured.
type racer struct {
	contender *Contender
	runner    runner
	ops       int
	values    []float64 // one a round
	disturbed int       // how many of them are of runs that waited for a processor
	err       error     // why it is out
}

// runner makes single runs of a task, here or in a child process. An error of
// any of its methods ends the contender's race.
type runner interface {
	run(n int) (sample, error)
	close() error
}

// sample is one run: the value, how long it took as a whole, and how much of
// that it waited for a processor.
type sample struct {
	Value    float64       `json:"value"`
	TookNs   time.Duration `json:"took_ns"`
	WaitedNs time.Duration `json:"waited_ns"`
}

func (r *racer) outcome() string {
	switch {
	case r.err == nil:
		return outcomeOK
	case errors.Is(r.err, ErrWrong), errors.Is(r.err, errCrash), errors.Is(r.err, errHang):
		return r.err.Error()
	case errors.Is(r.err, errors.ErrUnsupported):
		return "unsupported: " + r.err.Error()
	}
	return "error: " + r.err.Error()
}

func (r *racer) fail(err error) {
	r.err = err
	if r.runner != nil {
		_ = r.runner.close() // err is the outcome
		r.runner = nil
	}
}

// Run measures one case of c. Its error means that there was no race: the files
// could not be made, or ctx was cancelled. What goes wrong with a contender is
// an outcome in the document.
func Run(ctx context.Context, c *Comparison, k *Case, s Settings) (*Document, error) {
	dir, err := os.MkdirTemp(s.Dir, "filemap-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if k.Prepare != nil {
		if err := k.Prepare(dir); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", c.Name, k.Name, err)
		}
	}
	racers := make([]*racer, len(k.Contenders))
	for i := range k.Contenders {
		racers[i] = &racer{contender: &k.Contenders[i]}
		start(ctx, c, k, racers[i], dir)
	}
	defer func() {
		for _, r := range racers {
			if r.runner != nil {
				_ = r.runner.close() // the values are taken
			}
		}
	}()
	err = race(ctx, c, k, racers, s)
	if err != nil {
		return nil, err
	}
	return newDocument(c.Name, k, racers), nil
}

func start(ctx context.Context, c *Comparison, k *Case, r *racer, dir string) {
	var err error
	if r.contender.Isolated {
		r.runner, err = startChild(ctx, c, k, r.contender, dir)
	} else {
		r.runner, err = newLocal(r.contender, dir)
	}
	if err != nil {
		r.runner = nil
		r.fail(err)
	}
}

// race is the warm-up and the rounds.
func race(ctx context.Context, c *Comparison, k *Case, racers []*racer, s Settings) error {
	for _, r := range racers {
		s.progress("%s/%s: warm-up, %s", c.Name, k.Name, r.contender.Name)
		r.warmUp(k)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	attempts := s.attempts
	if attempts == 0 {
		attempts = maxAttempts
	}
	begin := time.Now()
	for round := 0; round < max(s.Runs, 1) || time.Since(begin) < s.Time; round++ {
		s.progress("%s/%s: round %d", c.Name, k.Name, round+1)
		running := 0
		for _, i := range rand.Perm(len(racers)) {
			if r := racers[i]; r.runner != nil {
				r.round(attempts)
				running++
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if running == 0 {
			break
		}
	}
	s.progress("")
	s.warnOfDisturbance(c, k, racers)
	return nil
}

func (s *Settings) warnOfDisturbance(c *Comparison, k *Case, racers []*racer) {
	runs, disturbed := 0, 0
	for _, r := range racers {
		runs += len(r.values)
		disturbed += r.disturbed
	}
	if s.Warn != nil && disturbed*10 > runs {
		s.Warn(fmt.Sprintf("%s/%s: the machine is busy: %d of %d runs had to wait for a processor even when repeated, which blurs the ratios; -runs or -time with more helps, an idle machine more",
			c.Name, k.Name, disturbed, runs))
	}
}

// warmUp runs the contender until it is known how many operations a run has.
func (r *racer) warmUp(k *Case) {
	if r.runner == nil {
		return
	}
	r.ops = k.Ops
	if r.contender.Ops > 0 {
		r.ops = r.contender.Ops
	}
	fixed := r.ops > 0
	for r.ops = max(r.ops, 1); ; r.ops *= 2 {
		s, err := r.runner.run(r.ops)
		if err != nil {
			r.fail(err)
			return
		}
		if fixed || s.TookNs >= SampleTime || r.ops >= maxOps {
			return
		}
	}
}

// round makes one run count: the first that was not disturbed, or of a few the
// one that was least.
func (r *racer) round(attempts int) {
	var best sample
	for attempt := range attempts {
		s, err := r.runner.run(r.ops)
		if err != nil {
			r.fail(err)
			return
		}
		if attempt == 0 || s.waitedShare() < best.waitedShare() {
			best = s
		}
		if !s.disturbed() {
			break
		}
	}
	r.values = append(r.values, best.Value)
	if best.disturbed() {
		r.disturbed++
	}
}

func (s *Settings) progress(format string, args ...any) {
	if s.Progress != nil {
		s.Progress(fmt.Sprintf(format, args...))
	}
}

// local runs a task in this process.
type local struct{ task *Task }

func newLocal(c *Contender, dir string) (l *local, err error) {
	defer caught(&err)
	task, err := c.New(dir)
	if err != nil {
		return nil, err
	}
	return &local{task}, nil
}

// run collects garbage first, so that no contender pays for what another left.
func (l *local) run(n int) (s sample, err error) {
	defer caught(&err)
	if l.task.Before != nil {
		if err := l.task.Before(n); err != nil {
			return s, err
		}
	}
	runtime.GC()
	before := threads()
	begin := time.Now()
	s.Value, err = l.task.measure(n)
	s.TookNs = time.Since(begin)
	s.WaitedNs = waitedBetween(before, threads(), s.TookNs)
	if err != nil {
		return s, err
	}
	if l.task.Check == nil {
		return s, errors.New("nobody checks what this contender does")
	}
	err = l.task.Check(n)
	if err != nil && !errors.Is(err, ErrWrong) {
		err = fmt.Errorf("%w: %w", ErrWrong, err)
	}
	return s, err
}

func (l *local) close() (err error) {
	defer caught(&err)
	if l.task.Close == nil {
		return nil
	}
	return l.task.Close()
}

// caught makes a panic a crash: what would have ended the user's goroutine.
func caught(err *error) {
	if r := recover(); r != nil {
		text, _, _ := strings.Cut(fmt.Sprint(r), "\n")
		*err = fmt.Errorf("%w: panic: %s", errCrash, text)
	}
}
