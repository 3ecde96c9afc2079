package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// On a busy machine a run waits for a processor while others have it, and what
// is measured then is the others. Linux tells how long each thread of this
// process has run and how long it was ready to run and had to wait. A run whose
// threads waited for more than a small part of its time is done again, a few
// times at most, and the one that waited least is what counts: it is chosen by
// its waiting, never by its value.
const (
	maxAttempts   = 4
	waitedAllowed = 0.02 // of the run's time
	workingShare  = 0.1  // a thread that ran for less of it is not the contender's
)

// threadTimes is what one thread has run and waited.
type threadTimes struct{ ran, waited time.Duration }

// threads returns the times of this process's threads by their names in /proc;
// none where there is no such thing.
func threads() map[string]threadTimes {
	paths, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil {
		return nil
	}
	all := make(map[string]threadTimes, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		var t threadTimes
		if _, err := fmt.Sscan(string(text), &t.ran, &t.waited); err == nil {
			all[path] = t
		}
	}
	return all
}

// waitedBetween is how long those threads waited that did the work of a run.
func waitedBetween(before, after map[string]threadTimes, took time.Duration) (waited time.Duration) {
	for path, t := range after {
		if ran := t.ran - before[path].ran; float64(ran) >= workingShare*float64(took) {
			waited += t.waited - before[path].waited
		}
	}
	return waited
}

// disturbed tells whether others had the processor for too much of the run.
func (s *sample) disturbed() bool { return s.waitedShare() > waitedAllowed }

// waitedShare is which part of its time the run waited.
func (s *sample) waitedShare() float64 {
	return float64(s.WaitedNs) / float64(max(s.TookNs, 1))
}
