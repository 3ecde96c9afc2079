package observe

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// listening is called when a process is listened to. Tests let it go on then.
var listening = func() {}

// attach listens to a process that is running, with all its threads and those that it
// makes from now on, until it ends, the time is over, or ctx ends.
func (r *running) attach(ctx context.Context) error {
	pid := r.o.PID
	if !sys.OwnNumbers(r.proc) {
		return fmt.Errorf("cannot be found: %s is of another PID namespace, in which processes have other numbers; mount one of this (mount -t proc proc /proc)", r.proc)
	}
	p, err := findTarget(r.proc, pid)
	if err != nil {
		return err
	}
	if r.doc.Command, err = p.commandLine(r.proc); err != nil {
		return err
	}
	r.doc.PID = pid
	listened, err := r.openThreads(pid)
	if err != nil {
		return err
	}
	if err := r.begin(listened); err != nil {
		return err
	}
	now, err := sys.MonotonicNow()
	if err != nil {
		return err
	}
	r.about.zero = now
	maps, err := mappings(r.proc, pid, uint64(now))
	if err != nil {
		r.miss("which files the process mapped already: %v", err)
	}
	for i := range maps {
		r.about.record(&maps[i])
	}
	if err := r.listen(); err != nil {
		return err
	}
	r.openIO(pid)
	r.io = r.readIO()
	before, _ := faultsSoFar(r.proc, pid)
	listening()
	r.doc.Summary.EndedBy = r.awaitTarget(ctx, p)
	r.about.end, _ = sys.MonotonicNow()
	after, known := faultsSoFar(r.proc, pid)
	known = known && !p.ended(r.proc)
	if err := r.hush(); err != nil {
		return err
	}
	r.complete()
	if !known {
		r.miss("a second count of the faults, and how much was read by system calls: the process has ended")
		return nil
	}
	f, used := &r.doc.Summary.Faults, after.Sub(before)
	f.RusageMinor, f.RusageMajor = used.MinorFaults, used.MajorFaults
	f.Unseen = f.unseen()
	r.useOfProcess(pid)
	return nil
}

// openThreads opens perf's events of every thread. Threads that are made meanwhile by
// one that is listened to are listened to already; for others it looks again.
func (r *running) openThreads(pid int) ([]int, error) {
	cpus := onlineProcessors(r.sys)
	opened := map[int]bool{}
	var listened []int
	for {
		all, err := threads(r.proc, pid)
		if err != nil {
			return nil, err
		}
		var found []int
		for _, thread := range all {
			if !opened[thread] {
				opened[thread] = true
				found = append(found, thread)
			}
		}
		if len(found) == 0 {
			return listened, nil
		}
		if r.openPerf(found, r.perfOptions(false), cpus); len(r.rings) == 0 {
			return nil, fmt.Errorf("cannot be traced: %s", r.whyNoPerf())
		}
		listened = append(listened, found...)
	}
}

func (s *session) whyNoPerf() string {
	n := len(s.doc.Missing)
	if n == 0 {
		return "it has ended"
	}
	_, why, found := strings.Cut(s.doc.Missing[n-1], ": ")
	if !found {
		return s.doc.Missing[n-1]
	}
	return why
}

// awaitTarget waits for the end of the trace, and leaves the process alone.
func (r *running) awaitTarget(ctx context.Context, p target) (endedBy string) {
	limit, stop := r.limit()
	defer stop()
	const lookEvery = 20 * time.Millisecond
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			if p.ended(r.proc) {
				return EndedByProgram
			}
		case <-limit:
			return EndedByDuration
		case <-ctx.Done():
			return EndedBySignal
		}
	}
}
