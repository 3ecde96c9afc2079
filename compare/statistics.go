package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// confidence of the intervals, and its counterpart for comparisons.
const confidence = 0.95

var thresholds = benchmath.Thresholds{CompareAlpha: 1 - confidence}

// newSample copies, since benchmath sorts.
func newSample(ns []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(ns), &thresholds)
}

// differ tells whether two sets of times are of different height by more than
// chance (Mann–Whitney U test: nothing is assumed about how they are spread).
func differ(a, b []float64) (significant bool, p float64) {
	if len(a) == 0 || len(b) == 0 {
		return false, 1
	}
	c := benchmath.AssumeNothing.Compare(newSample(a), newSample(b))
	return c.P < c.Alpha, c.P
}

// interval returns the median and its 95 % interval; of fewer samples than an
// interval takes, the least and the largest.
func interval(ns []float64) (median, low, high float64) {
	if len(ns) == 0 {
		return 0, 0, 0
	}
	s := benchmath.AssumeNothing.Summary(newSample(ns), confidence)
	if math.IsInf(s.Lo, 0) || math.IsInf(s.Hi, 0) {
		return s.Center, slices.Min(ns), slices.Max(ns)
	}
	return s.Center, s.Lo, s.Hi
}

func medianOf(values []float64) float64 { return quantile(values, 0.5) }

// quantile returns the value below which q of the values lie; 0 of none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// results turns the measurements into what is reported.
func (r *runner) results() []Result {
	baseline := r.entries[0].times()
	list := make([]Result, len(r.entries))
	for i, e := range r.entries {
		list[i] = r.result(e, baseline)
	}
	return list
}

func (e *entry) times() []float64 {
	ns := make([]float64, len(e.samples))
	for i, s := range e.samples {
		ns[i] = s.ns
	}
	return ns
}

func (r *runner) result(e *entry, baseline []float64) Result {
	out := Result{
		Contender:     e.name,
		Description:   e.description,
		Family:        e.family,
		SamplesNs:     e.times(),
		Runs:          len(e.samples),
		RunsPerSample: e.perSample,
		Verified:      e.failed == nil && len(e.samples) > 0,
		InvalidRuns:   e.invalid,
		SetupNs:       medianOf(e.setupNs),
		EvictNs:       medianOf(e.evictNs),
		PValue:        1,
	}
	e.outcome(&out)
	if r.options.State == Cold && e.unknown == nil {
		checked := e.checked && len(e.samples) > 0
		out.ColdChecked = &checked
	}
	if len(e.samples) == 0 {
		return out
	}
	out.MedianNs, out.LowNs, out.HighNs = interval(out.SamplesNs)
	if base, _, _ := interval(baseline); base > 0 && out.MedianNs > 0 {
		out.RatioToReadWrite = base / out.MedianNs
	}
	if e != r.entries[0] {
		out.Significant, out.PValue = differ(baseline, out.SamplesNs)
	}
	if r.job.pattern.random() && len(e.latencies) > 0 && clockTellsLatency() {
		p50, p99 := quantile(e.latencies, 0.5), quantile(e.latencies, 0.99)
		out.P50Ns, out.P99Ns = &p50, &p99
	}
	r.reasons(e, &out)
	return out
}

// outcome says "ok", or why the contender has no result or no right one.
func (e *entry) outcome(out *Result) {
	switch {
	case errors.Is(e.failed, errors.ErrUnsupported):
		out.Outcome = "unsupported: " + e.failed.Error()
	case e.failed != nil:
		out.Outcome, out.failure = e.failed.Error(), true
	case len(e.samples) == 0 && e.lastState != nil:
		out.Outcome, out.failure = e.lastState.Error(), true
	case len(e.samples) == 0:
		out.Outcome, out.failure = "not measured", true
	default:
		out.Outcome = "ok"
	}
}

// reasons fills in the counts: medians over the samples, null where the system
// does not tell.
func (r *runner) reasons(e *entry, out *Result) {
	median := func(pick func(spent) float64) *float64 {
		values := make([]float64, len(e.samples))
		for i, s := range e.samples {
			values[i] = pick(s.spent)
		}
		m := medianOf(values)
		return &m
	}
	out.SystemCalls = median(func(s spent) float64 { return s.calls })
	out.CopiedBytes = median(func(s spent) float64 { return s.copied })
	if r.meter.usageErr == nil {
		out.FaultsMinor = median(func(s spent) float64 { return s.minor })
		out.FaultsMajor = median(func(s spent) float64 { return s.major })
		out.Sleeps = median(func(s spent) float64 { return s.sleeps })
	}
	if r.meter.ioErr == nil {
		out.DeviceReadBytes = median(func(s spent) float64 { return s.deviceRead })
		amplification := *out.DeviceReadBytes / float64(r.job.bytesAsked())
		out.ReadAmplification = &amplification
	}
	if r.meter.device {
		out.DeviceWriteBytes = median(func(s spent) float64 { return s.deviceWritten })
	}
}

// withheld lists what this system did not tell.
func (r *runner) withheld() []Withheld {
	list := r.meter.withheld()
	if r.job.pattern.random() && !clockTellsLatency() {
		reason := fmt.Sprintf("the clock advances by %v at a time, which is longer than an operation", clockStep())
		list = append(list, Withheld{"results[].p50_ns", reason}, Withheld{"results[].p99_ns", reason})
	}
	for _, e := range r.entries {
		if e.unknown != nil {
			return append(list, Withheld{"results[].cold_checked", e.unknown.Error()})
		}
	}
	return list
}
