//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A page of trace_pipe_raw (kernel/trace/ring_buffer.c; Documentation/trace/
// ring-buffer-design.rst; the layout is told by events/header_page and
// header_event):
//
//	0        time of the first event
//	8        bytes that follow, in the low bits; bit 31: events were lost before
//	         this page, bit 30: how many is stored after the last event
//	16 or 12 events: a 32-bit word, 5 bits of type and 27 of time since the one before
//	         1..28  a record of type × 4 bytes
//	         0      a record whose length is in the next word
//	         29     padding: to the page's end if its time is 0
//	         30     more time: the next word has the upper bits
//	         31     the time itself, 59 bits of it
const (
	ringCommitMask   = 1<<20 - 1
	ringMissed       = 1 << 31
	ringMissedStored = 1 << 30

	ringPadding    = 29
	ringTimeExtend = 30
	ringTimeStamp  = 31
	ringTypeBits   = 5
	ringDeltaBits  = 27
	ringStampBits  = 59
)

var errRingPage = errors.New("tracefs: a page of the ring buffer that makes no sense")

// parseRingPage hands each record of a page, with its time, to take, and returns
// how many events were lost before it; -1 if some were and it is not told how many.
// commitBytes is the size of the kernel's commit field: 8, or 4 on 32 bits.
func parseRingPage(page []byte, commitBytes int, take func(time uint64, record []byte)) (lost int64, err error) {
	head := 8 + commitBytes
	if len(page) < head {
		return 0, errRingPage
	}
	time := binary.NativeEndian.Uint64(page)
	commit := uint64(binary.NativeEndian.Uint32(page[8:]))
	if commitBytes == 8 {
		commit = binary.NativeEndian.Uint64(page[8:])
	}
	size := int(commit & ringCommitMask)
	if head+size > len(page) {
		return 0, errRingPage
	}
	if commit&ringMissed != 0 {
		lost = -1
		if after := page[head+size:]; commit&ringMissedStored != 0 && len(after) >= commitBytes {
			lost = int64(binary.NativeEndian.Uint32(after))
		}
	}
	return lost, parseRingEvents(page[head:head+size], time, take)
}

func parseRingEvents(events []byte, time uint64, take func(time uint64, record []byte)) error {
	for len(events) >= 4 {
		word := binary.NativeEndian.Uint32(events)
		kind, delta := ringSplit(word)
		events = events[4:]
		var length int
		switch {
		case kind == ringPadding && delta == 0:
			return nil
		case kind == ringTimeExtend || kind == ringTimeStamp:
			if len(events) < 4 {
				return errRingPage
			}
			whole := uint64(binary.NativeEndian.Uint32(events))<<ringDeltaBits | delta
			if kind == ringTimeExtend {
				time += whole
			} else { // the clock's upper bits are those that it had
				time = time>>ringStampBits<<ringStampBits | whole
			}
			events = events[4:]
			continue
		case kind == 0 || kind == ringPadding:
			if len(events) < 4 {
				return errRingPage
			}
			length = int(binary.NativeEndian.Uint32(events)) - 4
			events = events[4:]
		default:
			length = int(kind) * 4
		}
		if length < 0 || length > len(events) {
			return fmt.Errorf("%w: a record of %d bytes", errRingPage, length)
		}
		time += delta
		if kind != ringPadding {
			take(time, events[:length])
		}
		events = events[(length+3)&^3:]
	}
	return nil
}

// ringSplit takes an event's first word apart: bit fields begin at the low end on
// a little-endian machine, at the high end on the others.
func ringSplit(word uint32) (kind uint32, delta uint64) {
	if littleEndian {
		return word & (1<<ringTypeBits - 1), uint64(word >> ringTypeBits)
	}
	return word >> ringDeltaBits, uint64(word & (1<<ringDeltaBits - 1))
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// nativeID is the first field of every record: which tracepoint it is of.
func nativeID(record []byte) uint16 { return binary.NativeEndian.Uint16(record) }
