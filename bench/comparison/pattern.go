package comparison

import (
	"fmt"
	"os"

	"github.com/filemap-go/filemap/bench/harness"
)

// pageBytes is the unit of the comparisons about pages.
var pageBytes = int64(os.Getpagesize())

// pattern fills p with what a file holds from off on, a multiple of 8: each word
// says where it is, and in which file.
func pattern(file uint64) func(p []byte, off int64) {
	return func(p []byte, off int64) {
		words := viewOf[uint64](p)
		for i := range words {
			words[i] = patternAt(file, uint64(off)/8+uint64(i))
		}
	}
}

func patternAt(file, place uint64) uint64 { return wordAt(place + file<<40) }

// checkPattern compares p, of len a multiple of 8, with what pattern makes.
func checkPattern(p []byte, file uint64, off int64) error {
	for i, got := range viewOf[uint64](p) {
		if want := patternAt(file, uint64(off)/8+uint64(i)); got != want {
			return harness.Wrong("%#x at %d, not %#x", got, off+int64(i)*8, want)
		}
	}
	return nil
}

// patternFile makes a file of that many pages and returns its path.
func patternFile(path string, file uint64, pages int64) error {
	if err := makeFile(path, pages*pageBytes, pattern(file)); err != nil {
		return fmt.Errorf("making a file: %w", err)
	}
	return nil
}
