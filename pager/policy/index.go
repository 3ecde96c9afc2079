package policy

import "math/bits"

// index finds the place of a page in an array of pages: a hash table of places,
// open addressing with linear probing. It holds no pages of its own, so that it
// costs under 6 bytes for each: 4, at 0.7 full.
//
// Place 0 is never used: 0 in the table is an empty entry.
type index struct {
	table []uint32
	count int
}

func newIndex(capacity int) index {
	return index{table: make([]uint32, tableSize(capacity))}
}

func tableSize(capacity int) int { return capacity + capacity*3/7 + 8 }

// home is where the search for p begins. The finalizer of MurmurHash3 makes all
// bits of a page number count; the product's high half is the hash scaled to the
// table, whose size therefore need not be a power of two.
func (x *index) home(p Page) int {
	h := uint64(p)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	at, _ := bits.Mul64(h, uint64(len(x.table)))
	return int(at)
}

func (x *index) after(at int) int {
	if at++; at == len(x.table) {
		return 0
	}
	return at
}

// find returns the place of p in pages, 0 if it has none.
func (x *index) find(pages []Page, p Page) uint32 {
	for at := x.home(p); ; at = x.after(at) {
		if place := x.table[at]; place == 0 || pages[place] == p {
			return place
		}
	}
}

// insert notes the place of a page that has none yet.
func (x *index) insert(pages []Page, place uint32) {
	if x.count >= len(x.table)*3/4 {
		x.grow(pages)
	}
	x.put(pages[place], place)
	x.count++
}

func (x *index) put(p Page, place uint32) {
	at := x.home(p)
	for x.table[at] != 0 {
		at = x.after(at)
	}
	x.table[at] = place
}

// grow happens when more pages are resident than the capacity said.
func (x *index) grow(pages []Page) {
	old := x.table
	x.table = make([]uint32, tableSize(len(old)))
	for _, place := range old {
		if place != 0 {
			x.put(pages[place], place)
		}
	}
}

// remove forgets the place of a page that has one. Entries behind it that were
// displaced move up, so that no search ends early at the gap.
func (x *index) remove(pages []Page, p Page) {
	gap := x.home(p)
	for pages[x.table[gap]] != p {
		gap = x.after(gap)
	}
	for at := x.after(gap); x.table[at] != 0; at = x.after(at) {
		if x.reaches(x.home(pages[x.table[at]]), gap, at) {
			x.table[gap] = x.table[at]
			gap = at
		}
	}
	x.table[gap] = 0
	x.count--
}

// reaches tells whether a search from home to at comes by gap.
func (x *index) reaches(home, gap, at int) bool {
	if home <= at {
		return home <= gap && gap < at
	}
	return home <= gap || gap < at
}
