// Package compare does the same work on one file by read/write and by mapping,
// in every way that makes sense, and says which is faster here and why.
//
// [Run] takes [Options] and returns a [Report], from which package export draws
// every output.
//
// # Files of this package
//
// One concept each. What is compared: options.go, target.go (the file: made, or
// the user's), copy.go (a copy that lies in memory as the file does), work.go (what
// one run has to do), walk.go (random order), contender.go (who takes part),
// readwrite.go and mapping.go (how each family works), buffer.go. How it is measured: runner.go (rounds), sample.go (one
// sample), state.go (cold or warm, and whether it is so), meter.go (the kernel's
// counters), latency.go, statistics.go. Whether it is right: ledger.go (what
// every integer must be), verify.go. What it means: report.go, relation.go (faster,
// slower, or chance: all that is said of two contenders rests on it), verdict.go,
// sweep.go, cause.go, remedy.go, warnings.go.
//
// # What is timed
//
// The runs of a sample and nothing else: making the file, getting it out of
// memory, setting up what a contender keeps, and checking its result are not. A
// contender whose name says "each time" opens, maps or reads, and closes inside
// the time; one that is "kept" did all of that before.
package compare
