//go:build linux

package observe

import "encoding/binary"

// An entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst):
//
//	 63       62       61      60..57  56         55          54..0
//	┌────────┬────────┬───────┬───────┬──────────┬───────────┬──────────────────────┐
//	│present │swapped │ file  │       │exclusive │soft-dirty │ frame, or swap:      │
//	│        │        │       │       │          │           │ type 0..4, slot 5..54│
//	└────────┴────────┴───────┴───────┴──────────┴───────────┴──────────────────────┘
//
// The frame is 0 for who is not root.
const (
	entryPresent   = 1 << 63
	entrySwapped   = 1 << 62
	entryFile      = 1 << 61
	entryFrameMask = 1<<55 - 1
	entrySlotShift = 5
	entryBytes     = 8
)

func entryFrame(e uint64) uint64 {
	if e&entryPresent == 0 {
		return 0
	}
	return e & entryFrameMask
}

func entrySlot(e uint64) int64 {
	if e&entrySwapped == 0 {
		return 0
	}
	return int64(e & entryFrameMask >> entrySlotShift)
}

// entryState returns the letters of [Run] that a pagemap entry gives.
func entryState(e uint64) pageState {
	switch {
	case e&entrySwapped != 0:
		return stateSwapped
	case e&entryPresent == 0:
		return 0
	case e&entryFile == 0:
		return stateMapped | stateAnonymous
	}
	return stateMapped
}

// parsePagemap decodes entries as they are read from the file; a piece of one at
// the end is left out.
func parsePagemap(text []byte, into []uint64) []uint64 {
	for len(text) >= entryBytes {
		into = append(into, binary.NativeEndian.Uint64(text))
		text = text[entryBytes:]
	}
	return into
}

// pageState is a set of what a page can be.
type pageState uint8

const (
	stateMapped pageState = 1 << iota
	stateAnonymous
	stateSwapped
	stateCached
	stateDirty
	stateWriteback
)

var stateNames = [1 << 6]string{}

func init() {
	for s := range stateNames {
		for bit, letter := range "mascdw" {
			if s>>bit&1 != 0 {
				stateNames[s] += string(letter)
			}
		}
	}
}

func (s pageState) String() string { return stateNames[s&(1<<6-1)] }

// runsOf joins neighbours in the same state; pages of state 0 are left out.
func runsOf(states []pageState) []Run {
	var runs []Run
	for i := 0; i < len(states); {
		j := i + 1
		for j < len(states) && states[j] == states[i] {
			j++
		}
		if states[i] != 0 {
			runs = append(runs, Run{Page: int64(i), Pages: int64(j - i), State: states[i].String()})
		}
		i = j
	}
	return runs
}

func putNative(b []byte, v uint32) { binary.NativeEndian.PutUint32(b, v) }
