//go:build linux

package observe

import (
	"slices"
	"sort"
)

// addresses is what a process maps, as far as was heard: later mappings replace
// what they cover. Ranges do not overlap and are in order.
type addresses struct {
	ranges []mapped
	isGo   bool // some of the code is written in Go
}

// mapped is a piece of a process's address space.
type mapped struct {
	start, beyond uint64
	offset        uint64 // in the file, of start
	file          int    // index into the document's files
}

// put maps [start, beyond), whatever was there.
func (a *addresses) put(m mapped) {
	if m.beyond <= m.start {
		return
	}
	first := sort.Search(len(a.ranges), func(i int) bool { return a.ranges[i].beyond > m.start })
	last := first
	var pieces []mapped
	var tail mapped
	for ; last < len(a.ranges) && a.ranges[last].start < m.beyond; last++ {
		old := a.ranges[last]
		if old.start < m.start {
			pieces = append(pieces, mapped{old.start, m.start, old.offset, old.file})
		}
		if old.beyond > m.beyond {
			tail = mapped{m.beyond, old.beyond, old.offset + (m.beyond - old.start), old.file}
		}
	}
	pieces = append(pieces, m)
	if tail.beyond > tail.start {
		pieces = append(pieces, tail)
	}
	a.ranges = slices.Replace(a.ranges, first, last, pieces...)
}

// find returns which file an address belongs to, and where in it.
func (a *addresses) find(address uint64) (file int, offset uint64, found bool) {
	i := sort.Search(len(a.ranges), func(i int) bool { return a.ranges[i].beyond > address })
	if i == len(a.ranges) || a.ranges[i].start > address {
		return 0, 0, false
	}
	r := a.ranges[i]
	return r.file, r.offset + (address - r.start), true
}

func (a *addresses) copy() *addresses { return &addresses{append([]mapped(nil), a.ranges...), a.isGo} }
