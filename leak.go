package filemap

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"weak"
)

// Opened is a Map that was opened while [TrackOpen] was on and is not closed.
type Opened struct {
	Path  string // as given to Open
	Bytes int64  // mapped
	Stack string // of the goroutine that opened it

	// Dropped is true when nothing refers to the Map any more, as of the last
	// garbage collection: it can no longer be closed, and stays mapped, and its
	// file pinned, until the process ends.
	Dropped bool
}

// openTracker remembers who opened what, when it is asked to.
type openTracker struct {
	on   atomic.Bool
	mu   sync.Mutex
	maps map[uint64]tracked
	last uint64
}

type tracked struct {
	owner weak.Pointer[Map]
	info  Opened
}

var tracker openTracker

// TrackOpen turns the recording of where each Map is opened on or off; it is off
// by default, since it takes a stack trace an open. Turned off, what was recorded
// is forgotten. For tests:
//
//	filemap.TrackOpen(true)
//	code := m.Run()
//	for _, o := range filemap.StillOpen() { fmt.Fprintln(os.Stderr, o.Path, o.Stack); code = 1 }
func TrackOpen(on bool) {
	tracker.mu.Lock()
	defer tracker.mu.Unlock()
	tracker.on.Store(on)
	tracker.maps = map[uint64]tracked{}
}

// StillOpen returns the Maps that were opened since TrackOpen(true) and not
// closed, in no order.
func StillOpen() []Opened {
	tracker.mu.Lock()
	defer tracker.mu.Unlock()
	open := []Opened{}
	for _, t := range tracker.maps {
		t.info.Dropped = t.owner.Value() == nil
		open = append(open, t.info)
	}
	return open
}

func (t *openTracker) opened(m *Map) {
	if !t.on.Load() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	m.ticket = t.last
	t.maps[m.ticket] = tracked{weak.Make(m), Opened{Path: m.path, Bytes: m.Len(), Stack: string(debug.Stack())}}
}

func (t *openTracker) closed(m *Map) {
	if m.ticket == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.maps, m.ticket)
}
