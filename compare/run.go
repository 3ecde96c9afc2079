package compare

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
)

// Run compares, and removes whatever file it made before it returns, whether it
// succeeds, fails or ctx is cancelled.
//
// A *UsageError says that the options make no sense. With any other error the
// comparison could not be made, or its result cannot be trusted; the report is
// then nil, unless it tells more: which contender failed, or computed a wrong
// result, is [Report.Failed].
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	// The kernel's counters are the thread's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	report := newReport(&o)
	random := newRandom(&o)
	for i, size := range o.Sizes {
		if err := compareSize(ctx, &o, size, report, random, o.progressOf(i)); err != nil {
			return nil, err
		}
	}
	report.Results = report.Comparisons[0].Results
	report.Conclude()
	return report, nil
}

func newRandom(o *Options) *rand.Rand { return rand.New(rand.NewPCG(o.Seed, uint64(len(o.Sizes)))) }

// progressOf scales the progress of one of the sizes to that of all.
func (o *Options) progressOf(i int) func(float64, string) {
	if o.Progress == nil {
		return func(float64, string) {}
	}
	return func(part float64, what string) {
		o.Progress(float64(i)+part, float64(len(o.Sizes)), what)
	}
}

func newReport(o *Options) *Report {
	return &Report{
		Schema:  Schema,
		Machine: thisMachine(),
		Settings: Settings{
			Pattern:    string(o.Pattern),
			BlockBytes: o.BlockBytes,
			Goroutines: o.Goroutines,
			Cold:       o.State == Cold,
			Warm:       o.State == Warm,
			Durable:    o.Durable,
			RunsMin:    o.Runs,
			TimeNs:     int64(o.Time),
			Seed:       o.Seed,
		},
		Article: TheArticle,
	}
}

// compareSize measures at one size and adds what was found to the report.
func compareSize(ctx context.Context, o *Options, size int64, report *Report, random *rand.Rand, progress func(float64, string)) (err error) {
	progress(0, "preparing the file")
	t, err := newTarget(ctx, o, size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	r, err := newRunner(o, t, random)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.measure(ctx, progress); err != nil && !errors.Is(err, errStopped) {
		return err
	}
	report.File = t.file()
	report.Settings.Operations = r.job.operations
	report.describe(r.observer.file)
	report.withhold(r.withheld()...)
	report.Comparisons = append(report.Comparisons, Size{
		SizeBytes: t.integers*integerBytes + t.trailing,
		Integers:  t.integers,
		Results:   r.results(),
	})
	return nil
}

// withhold adds what could not be told, once each.
func (r *Report) withhold(list ...Withheld) {
	for _, w := range list {
		known := false
		for _, other := range r.Unknown {
			known = known || other.Field == w.Field
		}
		if !known {
			r.Unknown = append(r.Unknown, w)
		}
	}
}

// Failed returns an error that names each contender which failed or computed a
// wrong result, nil if none did. What this system does not have is no failure,
// unless nothing at all could be measured.
func (r *Report) Failed() error {
	var failed error
	for _, size := range r.Comparisons {
		measured := 0
		for _, result := range size.Results {
			measured += result.Runs
			if result.failure {
				failed = errors.Join(failed, fmt.Errorf("%s at %s: %s",
					result.Contender, humanBytes(float64(size.SizeBytes)), result.Outcome))
			}
		}
		if measured == 0 && failed == nil {
			failed = fmt.Errorf("nothing could be measured at %s: %s", humanBytes(float64(size.SizeBytes)), size.Results[0].Outcome)
		}
	}
	return failed
}
