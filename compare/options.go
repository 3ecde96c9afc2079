package compare

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Pattern is the work that every contender does on the file's integers (int32,
// in this machine's byte order).
type Pattern string

// The patterns. A run of the first two touches every integer once, of the last
// two [Settings.Operations] blocks.
const (
	Increment    Pattern = "increment"     // read, +1, write back: the article's task
	Sum          Pattern = "sum"           // read and add up
	RandomRead   Pattern = "random-read"   // add up the integers of blocks in random order
	RandomUpdate Pattern = "random-update" // read, +1, write back blocks in random order
)

// Patterns are all of them.
var Patterns = []Pattern{Increment, Sum, RandomRead, RandomUpdate}

func (p Pattern) writes() bool { return p == Increment || p == RandomUpdate }
func (p Pattern) random() bool { return p == RandomRead || p == RandomUpdate }

// State is where the file is when a run begins.
type State uint8

// States. A run that does not begin in the state asked for is not counted.
const (
	WarmIfItFits State = iota // read beforehand; a file larger than memory is not all resident, and said to be
	Warm                      // every page resident, checked before every run
	Cold                      // no page resident, checked before every run
)

const integerBytes = 4

// Defaults of [Options].
const (
	DefaultIntegers = 10_000 // the article's
	DefaultBlock    = 8
	DefaultRuns     = 10
	DefaultTime     = 8 * time.Second
	DefaultSizeTime = 4 * time.Second // of each size of a sweep
	MaxGoroutines   = 4096
)

// SweepSizes are the file sizes, in bytes, of a sweep: 40 KB to 256 MB.
var SweepSizes = []int64{40_000, 160_000, 640_000, 2_560_000, 10_240_000, 40_960_000, 256_000_000}

// Options say what to compare. The zero value is the article's comparison.
type Options struct {
	File       string        // the user's file, which is never changed; "" makes one
	Write      bool          // let a writing pattern work on a copy of File
	Dir        string        // where a file is made; "" the working directory, or the one for temporary files
	Sizes      []int64       // of the files made, in bytes; none is the article's 40 000
	Pattern    Pattern       // "" is Increment; Sum for a File without Write
	BlockBytes int64         // of a random pattern; 0 is 8
	Goroutines int           // that share the work of a run; 0 is 1
	State      State         // of the file when a run begins
	Durable    bool          // a run of a writing pattern ends when its bytes are on the device
	Runs       int           // at least so many; 0 is 10
	Time       time.Duration // to go on for, for each size; 0 is 8 s, 4 s with several sizes
	Seed       uint64        // of the order of runs and of random blocks; 0 takes one from the clock

	operations int64 // of a run of a random pattern; tests take fewer

	// Progress, if not nil, is told how far it is: done of total, and of what.
	Progress func(done, total float64, what string)
}

// UsageError says that the options make no sense, and which would.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *UsageError) Unwrap() error { return e.Err }

func usage(format string, values ...any) error {
	return &UsageError{fmt.Errorf(format, values...)}
}

// withDefaults fills in what was left out, and returns a *UsageError for what
// makes no sense.
func (o Options) withDefaults() (Options, error) {
	if o.File != "" && !o.Write {
		o.Pattern = orDefault(o.Pattern, Sum)
	}
	o.Pattern = orDefault(o.Pattern, Increment)
	o.BlockBytes = orDefault(o.BlockBytes, DefaultBlock)
	o.Goroutines = orDefault(o.Goroutines, 1)
	o.Runs = orDefault(o.Runs, DefaultRuns)
	if len(o.Sizes) == 0 {
		o.Sizes = []int64{DefaultIntegers * integerBytes}
	}
	if len(o.Sizes) > 1 {
		o.Time = orDefault(o.Time, DefaultSizeTime)
	}
	o.Time = orDefault(o.Time, DefaultTime)
	o.Seed = orDefault(o.Seed, uint64(time.Now().UnixNano()))
	return o, errors.Join(o.checkPattern(), o.checkSizes(), o.checkEffort())
}

func orDefault[T comparable](value, otherwise T) T {
	var none T
	if value == none {
		return otherwise
	}
	return value
}

func (o *Options) checkPattern() error {
	if !slices.Contains(Patterns, o.Pattern) {
		names := make([]string, len(Patterns))
		for i, p := range Patterns {
			names[i] = string(p)
		}
		return usage("no pattern is called %q: choose one of %s", o.Pattern, strings.Join(names, ", "))
	}
	if o.File != "" && o.Pattern.writes() && !o.Write {
		return usage("%s changes the file, and yours stays as it is: add --write to work on a copy, or choose sum or random-read", o.Pattern)
	}
	if o.Write && o.File == "" {
		return usage("--write allows a copy of FILE to be changed, and no FILE is given: name one, or leave --write out")
	}
	if o.Durable && !o.Pattern.writes() {
		return usage("--durable is about what is written, and %s writes nothing: choose increment or random-update", o.Pattern)
	}
	if o.BlockBytes < integerBytes || o.BlockBytes%integerBytes != 0 || o.BlockBytes > math.MaxInt32 {
		return usage("a block is one or more integers of %d bytes: %d bytes will not do", integerBytes, o.BlockBytes)
	}
	return nil
}

func (o *Options) checkSizes() error {
	for _, size := range o.Sizes {
		if size < integerBytes {
			return usage("a file of %d bytes holds no integer: ask for %d bytes or more", size, integerBytes)
		}
		if o.File == "" && o.Pattern.random() && size < o.BlockBytes {
			return usage("a file of %d bytes holds no block of %d: make --block smaller or --size larger", size, o.BlockBytes)
		}
	}
	return nil
}

func (o *Options) checkEffort() error {
	switch {
	case o.Goroutines < 1 || o.Goroutines > MaxGoroutines:
		return usage("%d goroutines will not do: 1 to %d", o.Goroutines, MaxGoroutines)
	case o.Runs < 1:
		return usage("%d runs will not do: 1 or more", o.Runs)
	case o.Time < 0:
		return usage("a time of %v will not do: it is how long to measure, such as 10s", o.Time)
	}
	return nil
}
