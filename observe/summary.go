//go:build linux

package observe

import (
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// summarize adds the events up.
func (t *timeline) summarize() {
	s := &t.doc.Summary
	s.Stages = stagesOf(t.doc.Events)
	s.Faults = t.result
	s.Faults.Unseen = s.Faults.unseen()
	results := t.answer.Results
	s.RecordingNS = results[len(results)-1].End - t.zero - s.WallNS
	t.total.Touched = int64(len(t.touched))
	s.Pages = &t.total
	var touched, read int64 // of FILE itself
	for key := range t.touched {
		if key[0] == 0 {
			touched++
		}
	}
	for i := range t.doc.Events {
		if e := &t.doc.Events[i]; e.Name == event.DeviceRead && e.File == 0 {
			read += e.Length
		}
	}
	if t.byPoints && touched > 0 {
		ratio := Ratio(float64(read) / float64(touched*t.page))
		t.total.ReadAmplification = &ratio
	}
	s.Advice = adviceFor(t.doc)
}

// wastefulRandom is how many times a page a device reads in the time that it takes to
// wait for one: then waiting for each is quicker than reading more.
const wastefulRandom = 32

// unseen compares with getrusage. The kernel counts a fault that it takes itself,
// to fill the stack of a program that execve(2) begins say, and tells perf of none
// (mm_account_fault in its mm/memory.c).
func (f *Faults) unseen() int64 { return max(f.RusageMinor+f.RusageMajor-f.Total, 0) }

// adviceFor says what would make this access cheaper.
func adviceFor(d *Document) []string {
	advice := []string{}
	s := &d.Summary
	add := func(format string, args ...any) { advice = append(advice, d.say(words.Of(format, args...))) }
	if a := s.Pages.ReadAmplification; a != nil && *a > wastefulRandom && d.Settings.Pattern == Random && d.Settings.Advice != "random" {
		add("The device read %.0f bytes for each byte of the pages touched: random access wants MADV_RANDOM (try --advise random).", *a)
	}
	if s.Faults.Slept > 0 {
		add("%d of the faults counted as minor slept all the same, for reads under way: count sleeps and not only major faults.", s.Faults.Slept)
	}
	if s.Faults.Major+s.Faults.Slept > 0 {
		add("In a Go program a fault that sleeps blocks the scheduler's P, and a system call does not: load pages by one (MADV_POPULATE_READ, or this module's ReadAt and View) before touching them.")
	}
	if s.Pages.SwappedIn > 0 {
		add("Changed private pages have no home on a disk, so they go through swap: those of a shared mapping of this file are written to it instead.")
	}
	return advice
}
