// Package comparison holds the comparisons, one a file. What each of them
// compares, and what a run of a contender is, stands at the head of its file.
package comparison

import "github.com/filemap-go/filemap/bench/harness"

// All lists the comparisons, in the order of -list.
func All() []*harness.Comparison {
	return []*harness.Comparison{
		increment(), hot(), open(), safety(), readat(), stall(), redirty(), appending(), amplification(), commit(),
		outofmemory(), scan(), mixed(), zipf(), pin(),
	}
}
