package filemap

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPageSet holds a pageSet against a map, over words and chunks.
func TestPageSet(t *testing.T) {
	const pages = 2*setPages + 100
	random := rand.New(rand.NewPCG(1, 2))
	s, want := pageSet{pages: pages}, map[int]bool{}
	for range 3000 {
		first := random.IntN(pages)
		if random.IntN(2) == 0 { // about where something happens
			first = min(max(setPages*(1+random.IntN(2))-70+random.IntN(140), 0), pages-1)
		}
		last := min(first+random.IntN(200), pages-1)
		in := int64(0)
		for page := first; page <= last; page++ {
			if want[page] {
				in++
			}
		}
		if got := s.missing(first, last); got != int64(last-first+1)-in {
			t.Fatalf("missing(%d, %d) is %d, %d are in", first, last, got, in)
		}
		if got := s.has(first, last); got != (in > 0) {
			t.Fatalf("has(%d, %d) is %v, %d are in", first, last, got, in)
		}
		remove := random.IntN(2) == 0
		if remove {
			if got := s.remove(first, last); got != in {
				t.Fatalf("remove(%d, %d) took %d, %d were in", first, last, got, in)
			}
		} else {
			s.add(first, last)
		}
		for page := first; page <= last; page++ {
			want[page] = !remove
		}
	}
	var all []int
	for page, in := range want {
		if in {
			all = append(all, page)
		}
	}
	slices.Sort(all)
	if got := slices.Collect(s.all()); !slices.Equal(got, all) {
		t.Errorf("%d pages are in the set, want %d", len(got), len(all))
	}
}

// TestPageSetOfLargeRegion: what the set takes is for what is in it, not for the region.
func TestPageSetOfLargeRegion(t *testing.T) {
	const pages = 1 << 30
	s := pageSet{pages: pages}
	s.add(pages-1, pages-1)
	s.add(5, 5)
	made := 0
	for _, chunk := range s.chunks {
		made += len(chunk)
	}
	if made > 2*setWords {
		t.Errorf("%d words for two pages", made)
	}
	if n := s.missing(0, pages-1); n != pages-2 {
		t.Errorf("%d are missing of %d", n, pages)
	}
}
