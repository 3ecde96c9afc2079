package harness

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

const confidence = 0.95

// summary is a median and its 95 % interval, which is nil where there are too
// few values to give one (fewer than six).
type summary struct {
	median    float64
	low, high *float64
}

// summarize assumes nothing of the distribution: order statistics only.
func summarize(values []float64) summary {
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	s := benchmath.AssumeNothing.Summary(sample, confidence)
	return summary{s.Center, finite(s.Lo), finite(s.Hi)}
}

func finite(v float64) *float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return nil
	}
	return &v
}

// ratioOf is how many times better ours is than other: the median, over the
// rounds that both have, of what they measured in the same round. The interval
// is that of this median.
func ratioOf(better Better, ours, other []float64) (summary, bool) {
	var ratios []float64
	for round := range min(len(ours), len(other)) {
		a, b := ours[round], other[round]
		if better == Lower {
			a, b = b, a
		}
		if b != 0 && !math.IsNaN(a/b) {
			ratios = append(ratios, a/b)
		}
	}
	if len(ratios) == 0 {
		return summary{}, false
	}
	return summarize(ratios), true
}
