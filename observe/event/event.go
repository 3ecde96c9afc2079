// Package event is the vocabulary in which the kernel's paging and that of
// package pager are told: the four processes of the article that this project
// begins with, as events on one timeline.
//
//	stage 1  a region is made         map
//	stage 2  an address is translated access, first-byte
//	stage 3  a page is brought in     fault … readahead, add, device-read, install
//	stage 4  a page leaves            dirty, writeback, reclaim, swap-out, evict, unmap
//
// It imports nothing of this module, so that whoever emits events and whoever
// draws them need not know each other.
package event

// Stage is one of the article's four processes.
type Stage = int

// The stages.
const (
	StageMap       Stage = 1 // a region is made; nothing is copied
	StageTranslate Stage = 2 // an address becomes a frame
	StageFault     Stage = 3 // a missing page is brought in
	StageReclaim   Stage = 4 // a page leaves: to its file, to swap, out of memory
)

// NoOffset stands for the offset of an event that concerns no byte of a file.
const NoOffset = -1

// Event is something that happened to a page or to a range of them. The zero
// value of every field but the first five says that it is not known or does not
// apply.
type Event struct {
	Stage      int    `json:"stage"`       // 1 to 4
	Name       string `json:"name"`        // one of this package's names
	StartNS    int64  `json:"start_ns"`    // since the trace began
	DurationNS int64  `json:"duration_ns"` // 0 of what has no extent in time
	Offset     int64  `json:"offset"`      // of its first byte in the file; NoOffset

	Length  int64  `json:"length_bytes,omitempty"` // of the range concerned
	ID      int    `json:"id,omitempty"`           // 1, 2, 3 … where others refer to it
	Within  int    `json:"within,omitempty"`       // ID of the event that it is a part of, 0 of none
	SelfNS  int64  `json:"self_ns"`                // of its duration, what no event within it took
	Address uint64 `json:"address,omitempty"`      // in the address space of who touched it
	Kind    string `json:"kind,omitempty"`         // of a fault: one of the Kind constants
	Write   bool   `json:"write,omitempty"`        // it was for a store
	Thread  int    `json:"thread,omitempty"`       // who did it
	Phase   string `json:"phase,omitempty"`        // of the trace: "map", "read", "write" …
	File    int    `json:"file"`                   // index into the trace's files
	Frame   uint64 `json:"frame,omitempty"`        // number of the frame
	Slot    int64  `json:"slot,omitempty"`         // swap slot
	Pages   int64  `json:"pages,omitempty"`        // how many it counts, where that is not Length
	Folios  int64  `json:"folios,omitempty"`       // how many of the kernel's units it put in
	Where   string `json:"where,omitempty"`        // the code that did it
	Seen    string `json:"seen,omitempty"`         // how it is known: "perf", "tracepoint", "pagemap", "cachestat", "clock", "inferred"
}

// Kinds of fault.
const (
	KindMinor = "minor" // no I/O of its own
	KindMajor = "major" // it started I/O and waited for it
	KindSlept = "slept" // counted as minor, and yet waited, for I/O under way
)
