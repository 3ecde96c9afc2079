package compare

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"time"
)

// runner measures all contenders at one file size.
//
// A round takes one sample of each, in random order, so that what changes on the
// machine meanwhile changes for all. A sample is: the file brought into its
// state, the contender set up if it is not, the counters read, the runs, the
// counters read again, the result verified. Only the runs are timed.
type runner struct {
	options  *Options
	job      *job
	target   *target
	ledger   ledger
	verifier *verifier
	observer *observer
	meter    *meter
	random   *rand.Rand
	fileSum  int64 // of a pattern that reads all
	entries  []*entry
}

// entry is a contender, and what was measured of it.
type entry struct {
	contender
	task      task
	perSample int // runs
	samples   []sample
	latencies []float64
	setupNs   []float64
	evictNs   []float64
	checked   bool  // the state was seen to be right before every counted run
	unknown   error // or why nobody could see
	invalid   int   // samples that were not in the state asked for
	lastState error
	failed    error // out of the race
}

// sample is one measurement: per run, of several runs if they are short.
type sample struct {
	ns float64
	spent
}

func newRunner(o *Options, t *target, random *rand.Rand) (r *runner, err error) {
	r = &runner{options: o, target: t, random: random}
	r.job = newJob(t.path, t.integers, o)
	r.ledger = ledger{base: t.base}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if r.verifier, err = newVerifier(t.path); err != nil {
		return r, err
	}
	if r.observer, err = newObserver(t.path); err != nil {
		return r, err
	}
	r.meter = newMeter(r.observer.file, len(r.job.shares), o.Durable)
	for _, c := range contenders(o.Pattern) {
		r.entries = append(r.entries, &entry{contender: c, perSample: 1, checked: true})
	}
	return r, nil
}

func (r *runner) close() error {
	var err error
	for _, e := range r.entries {
		err = errors.Join(err, e.drop())
	}
	if r.meter != nil {
		err = errors.Join(err, r.meter.close())
	}
	if r.observer != nil {
		err = errors.Join(err, r.observer.close())
	}
	if r.verifier != nil {
		err = errors.Join(err, r.verifier.close())
	}
	return err
}

// drop closes what the contender keeps.
func (e *entry) drop() error {
	if e.task == nil {
		return nil
	}
	err := e.task.close()
	e.task = nil
	return err
}

// How many samples are aimed at, and in which bounds one may be long. Many short
// ones: where other programs want the processors, a sample shorter than the
// scheduler's slices has a chance not to be interrupted, and the median shows it.
const (
	roundsAimed     = 200
	roundsMax       = 400
	shortestSample  = time.Millisecond
	longestSample   = 10 * time.Millisecond
	sampleRandom    = 4 * time.Millisecond // verifying takes longer than running
	clockSteps      = 20                   // a sample is to be as long: 5 % is the clock's
	runsEnough      = 3                    // when time is long over
	overtimeFactor  = 3
	overtimeAtLeast = 10 * time.Second // no budget is so small that three rounds may not take this long
	hopeless        = 3                // samples in the wrong state and none in the right one
)

// measure warms up and then goes round until the time is over.
func (r *runner) measure(ctx context.Context, progress func(part float64, what string)) error {
	progress(0, "warming up")
	if err := r.warmUp(ctx); err != nil {
		return err
	}
	began := time.Now()
	for round := 0; !r.enough(round, time.Since(began)); round++ {
		runtime.GC() // so that every round begins with the same heap
		for i, at := range r.random.Perm(len(r.entries)) {
			e := r.entries[at]
			done := (float64(round) + float64(i)/float64(len(r.entries))) / float64(r.options.Runs)
			progress(min(1, done, r.timePart(began, done)), e.name)
			if err := r.take(ctx, e, true); err != nil {
				return err
			}
		}
	}
	progress(1, "verifying")
	return r.finalCheck(ctx)
}

// timePart is how much of the time is over, as long as enough runs are done.
func (r *runner) timePart(began time.Time, runsPart float64) float64 {
	if r.options.Time <= 0 {
		return runsPart
	}
	return float64(time.Since(began)) / float64(r.options.Time)
}

// enough: the runs asked for are done and the time is over; or the time is so
// long over that fewer runs, with a warning, are better than waiting on.
func (r *runner) enough(rounds int, spent time.Duration) bool {
	if r.alive() == 0 || rounds >= max(roundsMax, r.options.Runs) {
		return true
	}
	if rounds >= r.options.Runs {
		return spent >= r.options.Time
	}
	limit := max(overtimeFactor*r.options.Time, overtimeAtLeast)
	return rounds >= runsEnough && spent >= limit
}

func (r *runner) alive() int {
	n := 0
	for _, e := range r.entries {
		if e.failed == nil {
			n++
		}
	}
	return n
}

// warmUp runs each contender before anything counts, and finds out how many runs
// make a sample that is long against the clock's resolution.
func (r *runner) warmUp(ctx context.Context) (err error) {
	if r.options.Pattern == Sum {
		if r.fileSum, err = r.verifier.sum(ctx, r.job.integers); err != nil {
			return err
		}
	}
	aim := r.options.Time / time.Duration(len(r.entries)*roundsAimed)
	aim = min(max(aim, shortestSample), longestSample)
	if r.options.Pattern.random() {
		aim = min(aim, sampleRandom)
	}
	aim = max(aim, clockSteps*clockStep())
	for _, e := range r.entries {
		if e.advice != nil {
			e.failed = supported(r.job, e.advice...)
		}
		if err := r.calibrate(ctx, e, aim); err != nil {
			return err
		}
		e.forget()
	}
	return nil
}

// Bounds of how a sample grows: at once, since the first runs are the slowest and
// a coarse clock may say that they took no time; and in all, should the clock
// stand still.
const (
	growthMax    = 16
	perSampleMax = 1 << 20
)

// calibrate takes samples of more and more runs until one is as long as aimed at,
// by the quickest seen. All contenders' samples must come out equally long: on a
// busy machine a short one has a better chance not to be interrupted.
// A cold file is cold for one run only.
func (r *runner) calibrate(ctx context.Context, e *entry, aim time.Duration) error {
	least := math.Inf(1)
	for tries := 0; ; tries++ {
		if err := r.take(ctx, e, false); err != nil || e.failed != nil || len(e.samples) == 0 {
			return err
		}
		if r.options.State == Cold {
			return nil
		}
		least = min(least, e.samples[len(e.samples)-1].ns)
		fitting := int(min(float64(aim)/max(least, 1), perSampleMax))
		grown := max(1, min(fitting, growthMax*e.perSample))
		enough := grown <= e.perSample*3/2
		e.perSample = grown
		if enough && tries > 0 {
			return nil
		}
	}
}

// forget drops what warming up left.
func (e *entry) forget() {
	e.samples, e.latencies, e.invalid = nil, nil, 0
	e.evictNs, e.lastState = nil, nil
}
