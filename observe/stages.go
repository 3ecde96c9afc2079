package observe

import "github.com/filemap-go/filemap/observe/event"

// stagesOf adds up what each of the four processes took.
func stagesOf(events []event.Event) []Stage {
	stages := make([]Stage, event.StageReclaim)
	for i := range stages {
		stages[i].Stage = i + 1
	}
	for i := range events {
		e := &events[i]
		if e.Stage < event.StageMap || e.Stage > event.StageReclaim {
			continue
		}
		stages[e.Stage-1].Events++
		if e.DurationNS > 0 {
			stages[e.Stage-1].took(e.SelfNS)
		}
	}
	return stages
}

// took adds what an event took that was timed.
func (s *Stage) took(ns int64) {
	if s.TimeNS == nil {
		s.TimeNS = new(int64)
	}
	*s.TimeNS += ns
}
