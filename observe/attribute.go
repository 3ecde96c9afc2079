//go:build linux

package observe

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/filemap-go/filemap/observe/event"
)

// attribution finds out which files a program's faults were about.
type attribution struct {
	doc    *Document
	page   int64
	zero   int64
	spaces map[int32]*addresses // by process
	files  map[fileKey]int
	about  []*fileWork // of each file
	end    int64
}

// fileKey names a file as the kernel does, or memory without one by its label.
type fileKey struct {
	major, minor uint32
	inode        uint64
	label        string
}

// fileWork is what faults did to one file.
type fileWork struct {
	FileFaults
	last             map[int]int64 // of each thread: the page of its last fault
	pages            map[int64]bool
	forward, onwards int64 // faults that came soon after the one before; that had one before
	backward         int64
	added            int64 // pages that came into the cache
}

// near is how many pages a fault may be ahead of the one before to count as in
// order: what fault-around and one readahead window skip.
const near = 64

// attribute makes the document of a command's records.
func attribute(doc *Document, records []perfRecord, page int64) *attribution {
	a := &attribution{doc: doc, page: page, spaces: map[int32]*addresses{}, files: map[fileKey]int{}}
	faults := pairFaults(records) // which puts the records in order
	if len(records) > 0 {
		a.zero = int64(records[0].Time)
		a.end = int64(records[len(records)-1].Time)
	}
	next := 0
	for i := range faults { // by their end; they are wanted by their begin
		if i > 0 && faults[i].start < faults[i-1].start {
			sort.SliceStable(faults, func(i, j int) bool { return faults[i].start < faults[j].start })
			break
		}
	}
	for i := range records {
		r := &records[i]
		for next < len(faults) && faults[next].start <= int64(r.Time) {
			a.fault(&faults[next])
			next++
		}
		a.mapping(r)
	}
	for ; next < len(faults); next++ {
		a.fault(&faults[next])
	}
	return a
}

// mapping follows what processes map.
func (a *attribution) mapping(r *perfRecord) {
	const commExec = 1 << 13 // PERF_RECORD_MISC_COMM_EXEC
	switch r.Type {
	case perfRecordMmap2:
		space := a.spaces[r.PID]
		if space == nil {
			space = &addresses{}
			a.spaces[r.PID] = space
		}
		file := a.file(r)
		space.put(mapped{r.Addr, r.Addr + r.Length, r.Offset, file})
		a.region(r, file)
	case perfRecordFork:
		if r.PID != r.ParentPID && a.spaces[r.ParentPID] != nil {
			a.spaces[r.PID] = a.spaces[r.ParentPID].copy()
		}
	case perfRecordComm:
		if r.Misc&commExec != 0 {
			delete(a.spaces, r.PID)
		}
	case perfRecordExit:
		if r.PID == r.TID {
			delete(a.spaces, r.PID)
		}
	}
}

// region adds a mapping of a file: the first of the four processes.
func (a *attribution) region(r *perfRecord, file int) {
	if a.doc.Files[file].Role == RoleMemory {
		return
	}
	e := event.New(event.Map, int64(r.Time)-a.zero, 0, int64(r.Offset))
	e.Length, e.Address, e.File, e.Thread, e.Seen = int64(r.Length), r.Addr, file, int(r.TID), "perf"
	a.doc.Events = append(a.doc.Events, e)
}

func (a *attribution) file(r *perfRecord) int {
	key := fileKey{r.Major, r.Minor, r.Inode, ""}
	role, path := RoleMapped, r.Name
	if r.Inode == 0 {
		role, path = RoleMemory, labelOf(r.Name)
		key = fileKey{label: path}
	}
	return a.known(key, File{Path: path, Role: role, Major: r.Major, Minor: r.Minor, Inode: r.Inode})
}

func (a *attribution) known(key fileKey, f File) int {
	i, known := a.files[key]
	if !known {
		i = len(a.doc.Files)
		a.files[key] = i
		a.doc.Files = append(a.doc.Files, f)
		a.about = append(a.about, &fileWork{
			FileFaults: FileFaults{File: i, Path: f.Path}, last: map[int]int64{}, pages: map[int64]bool{},
		})
	}
	return i
}

// labelOf names memory that no file stands behind.
func labelOf(name string) string {
	switch {
	case strings.HasPrefix(name, "["):
		return name
	case name == "//anon" || name == "":
		return "[anonymous memory]"
	}
	return "[" + strings.Trim(name, "/") + "]"
}

// fault attributes one.
func (a *attribution) fault(f *fault) {
	file, offset, found := 0, uint64(0), false
	space := a.spaces[int32(f.process)]
	if space != nil {
		file, offset, found = space.find(f.address)
	}
	if !found {
		file = a.known(fileKey{label: "?"}, File{Path: "[not known]", Role: RoleMemory})
	}
	e := event.New(event.Fault, f.start-a.zero, f.end-f.start, event.NoOffset)
	e.Address, e.File, e.Thread, e.Seen, e.Length = f.address, file, f.thread, "perf", a.page
	if a.doc.Files[file].Role == RoleMapped {
		e.Offset = int64(offset) &^ (a.page - 1)
	}
	if space != nil {
		if code, at, known := space.find(f.ip); known {
			e.Where = fmt.Sprintf("%s+%#x", filepath.Base(a.doc.Files[code].Path), at)
		}
	}
	w := a.about[file]
	switch {
	case f.major:
		e.Kind = event.KindMajor
		w.Major++
	case f.slept > 0:
		e.Kind = event.KindSlept
		w.Slept++
		w.Minor++
	default:
		e.Kind = event.KindMinor
		w.Minor++
	}
	a.doc.Events = append(a.doc.Events, e)
	w.count(&e, int64(offset), a.page)
}

func (w *fileWork) count(e *event.Event, offset, page int64) {
	w.TimeNS += e.DurationNS
	if e.DurationNS > w.SlowestNS {
		w.SlowestNS, w.SlowestOffset = e.DurationNS, e.Offset
	}
	at := offset / page
	if before, known := w.last[e.Thread]; known {
		w.onwards++
		switch distance := at - before; {
		case distance > 0 && distance <= near:
			w.forward++
		case distance < 0 && distance >= -near:
			w.backward++
		}
	}
	w.last[e.Thread] = at
	w.pages[at] = true
}

// finish orders the events and adds them up.
func (a *attribution) finish() {
	d := a.doc
	sort.SliceStable(d.Events, func(i, j int) bool { return d.Events[i].StartNS < d.Events[j].StartNS })
	s := &d.Summary
	for i := range d.Events {
		d.Events[i].ID = i + 1
	}
	s.Stages = stagesOf(d.Events)
	s.WallNS = a.end - a.zero
	for _, w := range a.about {
		if w.Minor+w.Major == 0 && w.added == 0 {
			continue
		}
		w.close(a.page)
		s.Files = append(s.Files, w.FileFaults)
		s.Faults.Minor += w.Minor
		s.Faults.Major += w.Major
		s.Faults.Slept += w.Slept
		if d.Files[w.File].Role == RoleMemory {
			s.Faults.Elsewhere += w.Minor + w.Major
		}
	}
	s.Faults.Total = s.Faults.Minor + s.Faults.Major
	sort.SliceStable(s.Files, func(i, j int) bool { return s.Files[i].TimeNS > s.Files[j].TimeNS })
	s.Advice = a.advice()
}

func (w *fileWork) close(page int64) {
	w.DistinctPages = int64(len(w.pages))
	w.Pattern = "too few to tell"
	const enough = 8
	if w.onwards >= enough {
		w.SequentialShare = float64(w.forward) / float64(w.onwards)
		switch {
		case w.SequentialShare > 0.7:
			w.Pattern = "in order"
		case float64(w.backward)/float64(w.onwards) > 0.7:
			w.Pattern = "backward"
		default:
			w.Pattern = "scattered"
		}
	}
	if w.ReadBytes != nil && w.DistinctPages > 0 {
		ratio := Ratio(float64(*w.ReadBytes) / float64(w.DistinctPages*page))
		w.Amplification = &ratio
	}
}

// advice says what would help the program, file by file.
func (a *attribution) advice() []string {
	advice := []string{}
	add := func(format string, args ...any) { advice = append(advice, fmt.Sprintf(format, args...)) }
	for _, f := range a.doc.Summary.Files {
		file := &a.doc.Files[f.File]
		if file.Role == RoleMemory {
			continue
		}
		name := filepath.Base(f.Path)
		waited := f.Major + f.Slept
		switch {
		case waited >= 8 && f.Pattern == "scattered":
			text := ""
			if f.Amplification != nil && *f.Amplification > 4 {
				text = fmt.Sprintf("; %.0f bytes were read for each byte of the pages faulted", *f.Amplification)
			}
			add("%s: %d scattered faults waited for the device%s. MADV_RANDOM stops reading around them.", name, waited, text)
		case waited >= 8 && f.Pattern == "backward":
			add("%s: %d faults go backward, which readahead does not follow: MADV_POPULATE_READ ranges of it before.", name, waited)
		case waited >= 8:
			add("%s: %d faults in order waited for the device: MADV_POPULATE_READ ahead of the reader, or MADV_SEQUENTIAL.", name, waited)
		}
		if f.Minor-f.Slept >= 1000 && f.Pattern == "in order" {
			add("%s: %d minor faults of pages that were in memory: MADV_POPULATE_READ sets their translations in one call; large folios make one fault do for many.", name, f.Minor-f.Slept)
		}
	}
	return advice
}
