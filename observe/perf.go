//go:build linux

package observe

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Types of records in perf's ring (enum perf_event_type of the kernel's
// include/uapi/linux/perf_event.h).
const (
	perfRecordLost        = 2
	perfRecordComm        = 3
	perfRecordExit        = 4
	perfRecordFork        = 7
	perfRecordSample      = 9
	perfRecordMmap2       = 10
	perfRecordLostSamples = 13
	perfRecordSwitch      = 14

	perfMiscSwitchOut   = 1 << 13
	perfMiscSwitchForce = 1 << 14 // preempted, still ready to run
	perfHeaderBytes     = 8
	// What sample_id_all appends with TID, TIME and IDENTIFIER.
	perfTrailerBytes = 24
)

// perfRecord is one of the records that matter here. Times are CLOCK_MONOTONIC.
type perfRecord struct {
	Type     uint32
	Misc     uint16
	ID       uint64 // which event
	Kind     int    // of a sample: kindBegun, kindMinor, kindMajor, by its ID
	PID, TID int32
	Time     uint64
	IP, Addr uint64
	Lost     uint64
	// Of a mapping, fork, comm:
	Length, Offset uint64
	Major, Minor   uint32
	Inode          uint64
	Prot, Flags    uint32
	ParentPID      int32
	Name           string
}

// Kinds of samples.
const (
	kindBegun = iota
	kindMinor
	kindMajor
	kindUnknown
)

// native reads little pieces of a record; what is not there is an error once.
type native struct {
	rest  []byte
	short bool
}

func (n *native) take(size int) []byte {
	if len(n.rest) < size {
		n.short = true
		return make([]byte, size)
	}
	piece := n.rest[:size]
	n.rest = n.rest[size:]
	return piece
}

func (n *native) u32() uint32 { return binary.NativeEndian.Uint32(n.take(4)) }
func (n *native) u64() uint64 { return binary.NativeEndian.Uint64(n.take(8)) }

// parsePerf decodes a record made with sample_type IDENTIFIER, IP, TID, TIME, ADDR
// and sample_id_all.
func parsePerf(record []byte) (perfRecord, error) {
	if len(record) < perfHeaderBytes {
		return perfRecord{}, fmt.Errorf("perf: a record of %d bytes", len(record))
	}
	n := &native{rest: record[perfHeaderBytes:]}
	r := perfRecord{
		Type: binary.NativeEndian.Uint32(record),
		Misc: binary.NativeEndian.Uint16(record[4:]),
	}
	if r.Type == perfRecordSample {
		r.ID, r.IP = n.u64(), n.u64()
		r.PID, r.TID = int32(n.u32()), int32(n.u32())
		r.Time, r.Addr = n.u64(), n.u64()
		return r, n.err(r.Type)
	}
	body := n.rest
	if len(body) < perfTrailerBytes {
		return r, fmt.Errorf("perf: record %d of %d bytes", r.Type, len(record))
	}
	trailer := &native{rest: body[len(body)-perfTrailerBytes:]}
	n.rest = body[:len(body)-perfTrailerBytes]
	r.PID, r.TID = int32(trailer.u32()), int32(trailer.u32())
	r.Time, r.ID = trailer.u64(), trailer.u64()
	r.body(n)
	return r, n.err(r.Type)
}

func (n *native) err(kind uint32) error {
	if n.short {
		return fmt.Errorf("perf: record %d is cut off", kind)
	}
	return nil
}

// body reads what comes between the header and the trailer.
func (r *perfRecord) body(n *native) {
	switch r.Type {
	case perfRecordLost:
		n.u64() // id
		r.Lost = n.u64()
	case perfRecordLostSamples:
		r.Lost = n.u64()
	case perfRecordFork, perfRecordExit:
		r.PID, r.ParentPID = int32(n.u32()), int32(n.u32())
		r.TID = int32(n.u32())
		n.u32() // parent's thread
		r.Time = n.u64()
	case perfRecordComm:
		r.PID, r.TID = int32(n.u32()), int32(n.u32())
		r.Name = text(n.rest)
	case perfRecordMmap2:
		r.PID, r.TID = int32(n.u32()), int32(n.u32())
		r.Addr, r.Length, r.Offset = n.u64(), n.u64(), n.u64()
		r.Major, r.Minor = n.u32(), n.u32()
		r.Inode = n.u64()
		n.u64() // generation
		r.Prot, r.Flags = n.u32(), n.u32()
		r.Name = text(n.rest)
	}
}

// text is a string that a zero byte ends.
func text(b []byte) string {
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return string(b)
}
