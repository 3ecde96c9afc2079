//go:build linux

package observe

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
	file       int   // index into the document's files, once attributed
	offset     int64 // in that file
	isGo       bool  // its process is written in Go
}

type interval struct{ start, end int64 }
