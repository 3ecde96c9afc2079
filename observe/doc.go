// Package observe shows what happens between mmap() and the first byte, and after
// it: the four processes of the article as one timeline of events.
//
//	Trace    maps a file, touches it by a pattern, and tells every step
//	Command  runs a program and attributes its faults to files and offsets
//
// The access is made by a process of its own, in a thread that does nothing else,
// so that the tracer's own faults are not among the events. That process is this
// program, started again: its main must begin with
//
//	if observe.IsChild() {
//		os.Exit(observe.ChildMain())
//	}
//
// Three tiers of sources, from the best:
//
//	root      a tracefs instance of its own: the page cache, readahead, the block
//	          device and reclaim; what /proc/kpageflags and its like tell of the
//	          frames; besides what follows
//	user      perf_event_open(2): every fault with its address, begin and end, and
//	          when the thread slept; its pagemap; cachestat(2)
//	counters  where even that is forbidden: getrusage(2) around every touch
//
// What a run mounts, creates and limits is noted in a journal first and undone at its
// end; the next run undoes what a killed one left ([CleanUp], package internal/undo).
//
// Events are those of package event, which package pager emits as well.
package observe
