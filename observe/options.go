package observe

import (
	"fmt"
	"slices"
	"strings"
)

// Pattern is the order in which pages are touched.
type Pattern string

// The patterns.
const (
	Sequential Pattern = "sequential" // one page after the other, from the start
	Backward   Pattern = "backward"   // from the end
	Random     Pattern = "random"     // each page touched at most once
	Stride     Pattern = "stride"     // evenly spread over the file
)

// Patterns are all of them.
var Patterns = []Pattern{Sequential, Backward, Random, Stride}

// Advices are those that [Options] knows, as madvise(2) names them.
var Advices = []string{"normal", "random", "sequential", "willneed", "populate-read"}

// DefaultTouches is how many pages are touched unless told otherwise.
const DefaultTouches = 32

// MaxTouches is how many may be.
const MaxTouches = 1 << 20

// Options of [Trace].
type Options struct {
	Path    string
	Pattern Pattern
	Touches int    // pages to touch; 0 for DefaultTouches, or half as many again as fit into MemoryLimit
	Seed    uint64 // of Random
	Advice  string // one of Advices, "" for none

	Cold    bool // evict the file before (posix_fadvise with DONTNEED), which changes no byte of it
	NoWrite bool // leave the write part out
	// InPlace makes the write part store to FILE itself, the bytes that are
	// there, instead of to a copy: its modification time changes.
	InPlace bool
	Private bool   // map privately: a store makes a private copy of its page
	Dir     string // for the copy; "" for the directory of Path

	// MemoryLimit, in bytes, makes the pages private and limits the memory that
	// they may have, so that they go to swap and come back. It needs root: a
	// memory cgroup and a swap file in SwapDir are made, and taken down.
	MemoryLimit int64
	SwapDir     string // "" for Dir

	Tier string // TierRoot, TierUser or TierCounters to use no better one; "" for the best

	Proc, Sys string // where /proc and /sys are; "" for there
}

func (o *Options) complete() error {
	if o.Pattern == "" {
		o.Pattern = Sequential
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Sys == "" {
		o.Sys = "/sys"
	}
	switch {
	case !slices.Contains(Patterns, o.Pattern):
		return noSuch("pattern", string(o.Pattern), Patterns)
	case o.Advice != "" && !slices.Contains(Advices, o.Advice):
		return noSuch("advice", o.Advice, Advices)
	case o.Touches < 0 || o.Touches > MaxTouches:
		return fmt.Errorf("%w: %d pages cannot be touched: 1 to %d", ErrOption, o.Touches, MaxTouches)
	case o.MemoryLimit < 0:
		return fmt.Errorf("%w: a memory limit of %d bytes", ErrOption, o.MemoryLimit)
	case o.InPlace && (o.Private || o.MemoryLimit > 0):
		return fmt.Errorf("%w: stores to private pages never reach the file, so there is nothing to do in place", ErrOption)
	case o.NoWrite && (o.InPlace || o.Private || o.MemoryLimit > 0):
		return fmt.Errorf("%w: without the write part there is no store, in place or private", ErrOption)
	case !slices.Contains([]string{"", TierRoot, TierUser, TierCounters}, o.Tier):
		return noSuch("tier", o.Tier, []string{TierRoot, TierUser, TierCounters})
	}
	if o.MemoryLimit > 0 {
		o.Private = true
	}
	return nil
}

// noSuch is the error of a value that is not among those there are.
func noSuch[T ~string](what, value string, known []T) error {
	names := make([]string, len(known))
	for i, name := range known {
		names[i] = string(name)
	}
	return fmt.Errorf("%w: no %s is called %q: choose one of %s", ErrOption, what, value, strings.Join(names, ", "))
}
