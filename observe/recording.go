//go:build linux

package observe

import "sort"

// recording is everything that was heard of an access, before sense is made of it.
type recording struct {
	job    *job
	answer *answer
	files  []File
	thread int
	page   int64

	perf   []perfRecord
	byPerf bool // the faults are perf's

	points   []tracepoint
	byPoints bool // there are tracepoints
	places   [][]place
}

// place is a piece of a file on a disk, in the disk's sectors.
type place struct {
	device          uint32 // as the kernel packs it
	sector, sectors int64
	offset          int64 // in the file
}

const sectorBytes = 512

// fileAt returns which file's bytes begin at a sector, and where in it.
func (r *recording) fileAt(device uint32, sector, sectors int64) (file int, offset, length int64, found bool) {
	for file, places := range r.places {
		for _, p := range places {
			if p.device != device || sector >= p.sector+p.sectors || sector+sectors <= p.sector {
				continue
			}
			first := max(sector, p.sector)
			beyond := min(sector+sectors, p.sector+p.sectors)
			return file, p.offset + (first-p.sector)*sectorBytes, (beyond - first) * sectorBytes, true
		}
	}
	return 0, 0, 0, false
}

// fault is one that perf recorded from its begin to its end.
type fault struct {
	start, end int64
	address    uint64
	ip         uint64
	thread     int
	process    int
	major      bool
	slept      int64
	waits      []interval
}

type interval struct{ start, end int64 }

// pairFaults joins the begins of faults with their ends, thread by thread, and
// puts the times between them at which the thread slept. A fault without an end
// ended in a signal, or its end was lost.
func pairFaults(records []perfRecord) []fault {
	sort.SliceStable(records, func(i, j int) bool { return records[i].Time < records[j].Time })
	open := map[int32]*fault{}
	asleep := map[int32]int64{}
	var found []fault
	for i := range records {
		r := &records[i]
		at := int64(r.Time)
		switch {
		case r.Type == perfRecordSwitch && r.Misc&perfMiscSwitchOut != 0:
			delete(asleep, r.TID)
			if r.Misc&perfMiscSwitchForce == 0 {
				asleep[r.TID] = at
			}
		case r.Type == perfRecordSwitch:
			began, slept := asleep[r.TID]
			if f := open[r.TID]; f != nil && slept {
				f.slept += at - began
				f.waits = append(f.waits, interval{began, at})
			}
			delete(asleep, r.TID)
		case r.Type == perfRecordSample && r.Kind == kindBegun:
			if f := open[r.TID]; f != nil && f.address == r.Addr {
				continue // a signal came while it slept: the processor tries again
			}
			open[r.TID] = &fault{start: at, address: r.Addr, ip: r.IP, thread: int(r.TID), process: int(r.PID)}
		case r.Type == perfRecordSample && r.Kind != kindUnknown:
			f := open[r.TID]
			if f == nil { // its begin was lost
				f = &fault{start: at, address: r.Addr, ip: r.IP, thread: int(r.TID), process: int(r.PID)}
			}
			f.end, f.major = at, r.Kind == kindMajor
			found = append(found, *f)
			delete(open, r.TID)
		}
	}
	return found
}
