package export

import (
	"math"
	"slices"
	"strconv"

	"github.com/filemap-go/filemap/compare"
)

// Coordinates in the plots are percentages of the width, so that a plot fits
// any window and its text keeps its size.

// axis is a scale of times from left to right.
type axis struct {
	low, high   float64
	logarithmic bool
}

// part is where a value lies on the axis, in percent of its length.
func (a axis) part(value float64) float64 {
	at := (value - a.low) / (a.high - a.low)
	if a.logarithmic {
		at = math.Log(value/a.low) / math.Log(a.high/a.low)
	}
	return min(max(at, 0), 1) * 100
}

// tick is one mark of an axis; a minor one has no room on a narrow screen.
type tick struct {
	At    string
	Label string
	Minor bool
}

// ticks are round values along the axis.
func (a axis) ticks() []tick {
	values := a.linearTicks()
	if a.logarithmic && a.high/a.low >= 4 {
		values = a.logarithmicTicks()
	}
	var marks []tick
	for i, value := range values {
		marks = append(marks, tick{percent(a.part(value)), roundDuration(value), i%2 == 1})
	}
	return marks
}

func (a axis) linearTicks() []float64 {
	const wanted = 6
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/wanted)))
	for _, factor := range []float64{1, 2, 2.5, 5, 10} {
		if (a.high-a.low)/(step*factor) <= wanted {
			step *= factor
			break
		}
	}
	var values []float64
	for i := math.Ceil(a.low / step); i*step <= a.high; i++ {
		values = append(values, i*step)
	}
	return values
}

// logarithmicTicks are 1, 2 and 5 of each power of ten, or fewer over a long axis.
func (a axis) logarithmicTicks() []float64 {
	factors := []float64{1, 2, 5}
	switch decades := math.Log10(a.high / a.low); {
	case decades > 5:
		factors = []float64{1}
	case decades > 2.5:
		factors = []float64{1, 3}
	}
	var values []float64
	for power := math.Pow(10, math.Floor(math.Log10(a.low))); power <= a.high; power *= 10 {
		for _, factor := range factors {
			if value := power * factor; value >= a.low && value <= a.high {
				values = append(values, value)
			}
		}
	}
	return values
}

// roundDuration writes a tick's value, which is round, without nought digits.
func roundDuration(ns float64) string {
	if ns == 0 {
		return "0"
	}
	unit := 0
	for ns >= 999.5 && unit < len(timeUnits)-1 {
		ns, unit = ns/1000, unit+1
	}
	return strconv.FormatFloat(ns, 'g', 4, 64) + " " + timeUnits[unit]
}

// axes are the two that the page offers: the linear one from nought, for what
// the eye compares as lengths, and the logarithmic one, for everything that is
// far apart.
func axes(results []compare.Result) (linear, logarithmic axis) {
	lowest, highest, most := math.Inf(1), 0.0, 0.0
	for _, r := range results {
		samples := positive(r)
		lowest, highest = min(lowest, samples[0]), max(highest, samples[len(samples)-1])
		// The linear axis ends where the ordinary samples do: a single one that was
		// disturbed would press all others together.
		most = max(most, samples[(len(samples)-1)*95/100], r.MedianNs)
		if !math.IsInf(r.HighNs, 0) {
			most = max(most, r.HighNs)
		}
	}
	linear = axis{low: 0, high: most * 1.06}
	logarithmic = axis{low: lowest / 1.06, high: highest * 1.06, logarithmic: true}
	return linear, logarithmic
}

// positive are the samples in order; a result without samples has its median.
func positive(r compare.Result) []float64 {
	samples := slices.DeleteFunc(slices.Clone(r.SamplesNs), func(ns float64) bool {
		return !(ns > 0) || math.IsInf(ns, 0)
	})
	if len(samples) == 0 {
		samples = []float64{max(r.MedianNs, 1)}
	}
	slices.Sort(samples)
	return samples
}

const (
	stripHeight = 36
	dotMargin   = 8
)

// strip is one contender's row of a plot: a dot for each sample, its median and the
// interval of that.
type strip struct {
	Dots              []dot
	Median, Low, Wide string
	Reference         string // read/write's median
	Beyond            int    // samples to the right of the axis
	Ticks             []tick
	Height            int
}

type dot struct{ X, Y string }

func newStrip(a axis, r compare.Result, reference float64) strip {
	s := strip{Median: percent(a.part(r.MedianNs)), Ticks: a.ticks(), Height: stripHeight}
	if r.LowNs > 0 && !math.IsInf(r.HighNs, 0) {
		low, high := a.part(r.LowNs), a.part(r.HighNs)
		s.Low, s.Wide = percent(low), percent(high-low)
	}
	if reference > 0 {
		s.Reference = percent(a.part(reference))
	}
	seen := map[dot]bool{}
	for i, ns := range r.SamplesNs {
		if !(ns > 0) || ns > a.high {
			s.Beyond++
			continue
		}
		// Rows of dots would hide how many there are, and chance would change the
		// page each time: an irrational step spreads them evenly instead.
		_, jitter := math.Modf(float64(i) * math.Sqrt2)
		y := dotMargin + math.Round(jitter*(stripHeight-2*dotMargin))
		// A fifth of a percent is less than a dot: what falls on the same place is
		// drawn once, and a page with many samples stays small.
		d := dot{percent(math.Round(a.part(ns)*5) / 5), strconv.Itoa(int(y))}
		if !seen[d] {
			seen[d] = true
			s.Dots = append(s.Dots, d)
		}
	}
	return s
}

func percent(value float64) string { return trimmed(strconv.FormatFloat(value, 'f', 2, 64)) + "%" }
