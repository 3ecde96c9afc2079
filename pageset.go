package filemap

import (
	"iter"
	"math"
	"math/bits"
)

// pageSet is a set of pages of a region: a bit for each, in chunks of 32 KiB for 1 GiB
// of pages of 4 KiB, made when a page of it comes. A region may be as large as
// addresses go, and what is in the set is bounded by the [DirtyLimit].
type pageSet struct {
	pages  int // of the region
	chunks [][]uint64
}

const (
	setWords = 4096 // of a chunk
	setPages = setWords * 64
)

// word returns the word that has page's bit, nil where its chunk was not made, and the
// first page behind the word, or the chunk.
func (s *pageSet) word(page int) (word *uint64, next int) {
	c := page / setPages
	if c >= len(s.chunks) || s.chunks[c] == nil {
		return nil, (c + 1) * setPages
	}
	return &s.chunks[c][page%setPages/64], (page/64 + 1) * 64
}

// missing returns how many pages from first to last are not in the set.
func (s *pageSet) missing(first, last int) (n int64) {
	for at := first; at <= last; {
		word, next := s.word(at)
		if word == nil {
			n += int64(min(next, last+1) - at)
		} else {
			n += int64(bits.OnesCount64(wordMask(at, last) &^ *word))
		}
		at = next
	}
	return n
}

// add puts the pages from first to last into the set.
func (s *pageSet) add(first, last int) {
	if s.chunks == nil {
		s.chunks = make([][]uint64, (s.pages+setPages-1)/setPages)
	}
	for at := first; at <= last; at = (at/64 + 1) * 64 {
		chunk := &s.chunks[at/setPages]
		if *chunk == nil {
			left := s.pages - at/setPages*setPages
			*chunk = make([]uint64, min((left+63)/64, setWords))
		}
		(*chunk)[at%setPages/64] |= wordMask(at, last)
	}
}

// remove takes the pages from first to last out, and returns how many were in.
func (s *pageSet) remove(first, last int) (n int64) {
	for at := first; at <= last; {
		word, next := s.word(at)
		if word != nil {
			mask := wordMask(at, last)
			n += int64(bits.OnesCount64(mask & *word))
			*word &^= mask
		}
		at = next
	}
	return n
}

// has tells whether any page from first to last is in the set.
func (s *pageSet) has(first, last int) bool {
	for at := first; at <= last; {
		word, next := s.word(at)
		if word != nil && *word&wordMask(at, last) != 0 {
			return true
		}
		at = next
	}
	return false
}

// all yields the pages of the set in order.
func (s *pageSet) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for c, chunk := range s.chunks {
			for i, word := range chunk {
				for ; word != 0; word &= word - 1 {
					if !yield(c*setPages + i*64 + bits.TrailingZeros64(word)) {
						return
					}
				}
			}
		}
	}
}

// wordMask has the bits of the pages from first to last that are in first's word.
func wordMask(first, last int) uint64 {
	low := first % 64
	n := min(last-first+1, 64-low)
	return math.MaxUint64 >> (64 - n) << low
}
