package compare

import (
	"sync"
	"time"
)

// latencies are the times of single operations of a random pattern. Looking at
// the clock costs about as much as a load from a mapping, so that only one
// operation in `every` is timed, and the clock's own cost taken off.
type latencies struct {
	every int64
	ns    []float64
}

const (
	latencyEvery = 32
	latencyMax   = 1 << 16 // of one sample: more would tell nothing new
)

func (l *latencies) add(d time.Duration) {
	if len(l.ns) < latencyMax {
		l.ns = append(l.ns, max(float64(d)-clockCost(), 0))
	}
}

// take appends the times to others, and forgets them.
func (l *latencies) take(others []float64) []float64 {
	others = append(others, l.ns...)
	l.ns = l.ns[:0]
	return others
}

// clockCost is what an empty timing measures, in nanoseconds: the least of many,
// since anything more is the machine's and not the clock's.
var clockCost = sync.OnceValue(func() float64 {
	least := time.Hour
	for range 1000 {
		began := time.Now()
		least = min(least, time.Since(began))
	}
	return float64(least)
})

// clockStep is the least by which the clock is seen to advance: tens of
// nanoseconds, or on some systems a good part of a millisecond.
var clockStep = sync.OnceValue(func() time.Duration {
	least := time.Hour
	for range 10 {
		began := time.Now()
		step := time.Duration(0)
		for step == 0 {
			step = time.Since(began)
		}
		least = min(least, step)
	}
	return least
})

// clockTellsLatency: whether single operations can be timed at all.
func clockTellsLatency() bool { return clockStep() < time.Microsecond }
