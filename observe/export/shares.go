package export

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/filemap-go/filemap/observe"
)

// sharesOf returns each stage's part of the time of all, in thousandths that add up to a
// thousand: what rounding leaves over goes to those that lost most by it.
func sharesOf(stages []observe.Stage) []int {
	const whole = 1000
	var sum uint64
	for i := range stages {
		sum += timeOf(&stages[i])
	}
	shares := make([]int, len(stages))
	if sum == 0 {
		return shares
	}
	rests := make([]uint64, len(stages))
	order := make([]int, len(stages))
	left := whole
	for i := range stages {
		high, low := bits.Mul64(timeOf(&stages[i]), whole)
		share, rest := bits.Div64(high, low, sum) // at most a thousand
		shares[i], rests[i], order[i] = int(share), rest, i
		left -= shares[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rests[b], rests[a]) })
	for _, i := range order[:left] {
		shares[i]++
	}
	return shares
}

func timeOf(s *observe.Stage) uint64 {
	if s.TimeNS == nil {
		return 0
	}
	return uint64(max(*s.TimeNS, 0))
}

// untimed stands where nothing was timed: that is not 0.
const untimed = "–"

func stageTime(s *observe.Stage) string {
	if s.TimeNS == nil {
		return untimed
	}
	return duration(*s.TimeNS)
}

func shareText(s *observe.Stage, thousandths int) string {
	if s.TimeNS == nil {
		return untimed
	}
	return fmt.Sprintf("%d.%d %%", thousandths/10, thousandths%10)
}

// timed is how long faults took, where there were any.
func timed(f *observe.FileFaults, ns int64) string {
	if f.Minor+f.Major == 0 {
		return untimed
	}
	return duration(ns)
}
