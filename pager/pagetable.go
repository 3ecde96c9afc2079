package pager

import (
	"fmt"
	"iter"
	"math/bits"
	"sync/atomic"
)

// The page table is one word a page, and everything that is known of a page in
// normal running is in it. Who wants to change a page's state does so by one
// compare-and-swap of its word; there is no other lock on a page.
//
//	 63    61 60    57 56                 32 31                        0
//	┌────────┬────────┬─────────────────────┬───────────────────────────┐
//	│ state  │ flags  │ pins (25 bits)      │ version (32 bits)         │  in memory
//	├────────┼────────┼─────────────────────┼───────────────────────────┤
//	│ state  │ flags  │ swap slot (25 bits) │ checksum of its bytes     │  in swap
//	└────────┴────────┴─────────────────────┴───────────────────────────┘
//
// The version is drawn anew, from one counter of the pager, whenever a page
// becomes resident. A reader that copies without a pin and finds the same word
// (but for pins and flags) afterwards has therefore read this page and no other;
// it could be fooled only by sleeping through exactly 2^32 faults.
//
// The states and who makes the transitions:
//
//	           fault              fault read it
//	Absent ───────────► Faulting ───────────────► Resident ◄─┐
//	  ▲   ◄───────────     ▲  │                    │         │ could not
//	  │    read failed     │  │ read failed        │ reclaim │ be written
//	  │                    │  ▼                    ▼         │
//	  │                  Swapped ◄──────────── Evicting ─────┘
//	  │    discard, commit │      swapped out     │
//	  └────────────────────┴──────────────────────┘ clean, or written back
//
// Faulting and Evicting belong to whoever made the transition to them; all
// others wait ([waits]).
type entry uint64

type state uint8

const (
	absent   state = iota // only the store has it
	swapped               // only swap has it, in the word's slot
	faulting              // being read into memory
	resident              // in memory
	evicting              // being written, and its memory given back
)

func (s state) String() string {
	return [...]string{"absent", "swapped", "faulting", "resident", "evicting"}[s]
}

const (
	versionBits = 32
	pinBits     = 25
	stateShift  = 61

	versionMask entry = 1<<versionBits - 1
	onePin      entry = 1 << versionBits
	pinMask     entry = (1<<pinBits - 1) << versionBits
	tooManyPins entry = 1 << (versionBits + pinBits - 1)

	// referenced: accessed since the policy last asked.
	referenced entry = 1 << (versionBits + pinBits)
	// dirty: changed since it was last read from, or written to, where it belongs.
	dirty = referenced << 1
	// slotted: while resident, swap has the same bytes (swap.kept knows the
	// slot); while faulting, the word holds a slot: the bytes come from swap.
	slotted = referenced << 2
	// marked: the next access has the pages that follow read ahead.
	marked = referenced << 3

	stateMask  entry = 7 << stateShift
	isResident       = entry(resident) << stateShift

	// maxSlots is how many pages swap can have.
	maxSlots = 1 << pinBits
)

func (w entry) state() state { return state(w >> stateShift) }
func (w entry) in(s state) entry {
	return w&^stateMask | entry(s)<<stateShift
}
func (w entry) pins() int    { return int(w & pinMask >> versionBits) }
func (w entry) slot() slot   { return slot(w & pinMask >> versionBits) }
func (w entry) sum() uint32  { return uint32(w & versionMask) }
func (w entry) flags() entry { return w & (referenced | dirty | slotted | marked) }

// inSwap is the word of a page that is in a slot.
func inSwap(s slot, sum uint32) entry {
	return entry(swapped)<<stateShift | entry(s)<<versionBits | entry(sum)
}

// String is for golden scripts and invariants: "resident pins=1 dirty".
func (w entry) String() string {
	text := w.state().String()
	switch w.state() {
	case swapped:
		return fmt.Sprintf("%s slot=%d", text, w.slot())
	case resident:
		if w.pins() > 0 {
			text += fmt.Sprintf(" pins=%d", w.pins())
		}
	case absent, faulting, evicting:
	}
	for _, f := range []struct {
		flag entry
		name string
	}{{referenced, "referenced"}, {dirty, "dirty"}, {slotted, "slotted"}, {marked, "marked"}} {
		if w&f.flag != 0 {
			text += " " + f.name
		}
	}
	return text
}

// cell is an entry where it is kept.
type cell struct{ word atomic.Uint64 }

func (c *cell) load() entry { return entry(c.word.Load()) }

// swap is the only way in which a word changes, but for the addition in Unpin.
func (c *cell) swap(from, to entry) bool {
	if invariants {
		checkTransition(from, to)
	}
	return c.word.CompareAndSwap(uint64(from), uint64(to))
}

// set changes a word that belongs to the caller: faulting or evicting.
func (c *cell) set(from, to entry) {
	if !c.swap(from, to) {
		panic(fmt.Sprintf("pager: the page of another changed from %v to %v", from, c.load()))
	}
}

// legal lists, for every state, those that may follow it.
var legal = [...][]state{
	absent:   {faulting},
	swapped:  {faulting, absent},
	faulting: {resident, absent, swapped},
	resident: {resident, evicting},
	evicting: {absent, swapped, resident},
}

// checkTransition panics if a word must not follow the other: a mistake in this
// package. It is compiled in by the build tag invariants.
func checkTransition(from, to entry) {
	ok := false
	for _, next := range legal[from.state()] {
		ok = ok || next == to.state()
	}
	switch to.state() {
	case absent:
		ok = ok && to == 0
	case swapped:
		ok = ok && to.flags() == 0
	case faulting:
		ok = ok && to&^(stateMask|slotted) == from&^stateMask && (to&slotted != 0) == (from.state() == swapped)
	case evicting:
		ok = ok && from.pins() == 0 && to.pins() == 0
	case resident:
		ok = ok && to&(dirty|slotted) != dirty|slotted
		if from.state() == resident {
			ok = ok && from&versionMask == to&versionMask
			ok = ok && to.pins()-from.pins() <= 1 && from.pins()-to.pins() <= 1
		}
	}
	if !ok {
		panic(fmt.Sprintf("pager: illegal transition from %v to %v", from, to))
	}
}

// chunkPages is how many pages share a bit of a [chunks].
const chunkPages = 64

// chunks is a bit for every 64 pages, set when one of them may have changes that
// the store has not: what Sync and Commit look through. It costs 1/512 of the
// page table.
type chunks []atomic.Uint64

// chunkWords is how many words the bits for so many pages take.
func chunkWords(pages uint64) uint64 { return (pages + 64*chunkPages - 1) / (64 * chunkPages) }

// all are the chunks whose bit is set.
func (c chunks) all() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range c {
			for word := c[i].Load(); word != 0; word &= word - 1 {
				if !yield(uint64(i)*64 + uint64(bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// note is called after the page's word was changed, and before whoever changed
// it goes on: a Sync that comes later finds the bit.
func (c chunks) note(page uint64) {
	bit := uint64(1) << (page / chunkPages % 64)
	word := &c[page/chunkPages/64]
	if word.Load()&bit == 0 {
		word.Or(bit)
	}
}

// take clears the chunk's bit and tells whether it was set.
func (c chunks) take(chunk uint64) bool {
	bit := uint64(1) << (chunk % 64)
	word := &c[chunk/64]
	return word.Load()&bit != 0 && word.And(^bit)&bit != 0
}
