//go:build linux

package observe

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/filemap-go/filemap/observe/event"
)

// attribution finds out which files a program's faults were about, as the records come
// in. What it keeps does not grow with their number: every fault is counted, and a
// sample of them is kept as events.
type attribution struct {
	doc       *Document
	page      int64
	zero, end int64 // CLOCK_MONOTONIC, of the trace
	pairs     pairing
	spaces    map[int32]*addresses // by process
	files     map[fileKey]int
	about     []*fileWork // of each file
	keep      samples
	named     *fileNames
	byPoints  bool // tracepoints tell what is read
}

// fileKey names a file as the kernel does, or memory without one by its label.
type fileKey struct {
	major, minor uint32
	inode        uint64
	label        string
}

// fileWork is what faults and reads did to one file.
type fileWork struct {
	FileFaults
	pages    pageSet // that faulted
	order    order   // of its faults
	waiting  order   // of those that waited for the device
	inGo     int64   // of these, in programs written in Go
	added    int64   // pages that came into the cache
	largest  int64   // folio among them, in pages
	readPage int64   // pages that read(2) looked up
}

// mostFiles bounds the list of files; those beyond it count together.
const mostFiles = 1 << 14

func newAttribution(doc *Document, proc string) *attribution {
	return &attribution{
		doc: doc, page: doc.Machine.PageBytes,
		spaces: map[int32]*addresses{}, files: map[fileKey]int{}, named: newFileNames(proc, doc.Command),
	}
}

// record takes one in; they come in order.
func (a *attribution) record(r *perfRecord) {
	if f, ended := a.pairs.record(r, a.locate); ended {
		a.fault(f)
		return
	}
	a.mapping(r)
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
		if r.Prot&protExec != 0 && r.Inode != 0 && a.named.isGo(r.PID, r.Name) {
			space.isGo = true
		}
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
	if !a.keep.region() {
		return
	}
	e := event.New(event.Map, int64(r.Time)-a.zero, 0, int64(r.Offset))
	e.Length, e.Address, e.File, e.Thread, e.Seen = int64(r.Length), r.Addr, file, int(r.TID), "perf"
	a.keep.add(e)
}

func (a *attribution) file(r *perfRecord) int {
	if r.Inode == 0 {
		label := labelOf(r.Name)
		return a.known(fileKey{label: label}, File{Path: label, Role: RoleMemory})
	}
	key := fileKey{r.Major, r.Minor, r.Inode, ""}
	i := a.known(key, File{Path: r.Name, Role: RoleMapped, Major: r.Major, Minor: r.Minor, Inode: r.Inode})
	if f := &a.doc.Files[i]; f.Role == RoleRead { // it was read before it is mapped
		f.Role, f.Path = RoleMapped, r.Name
		a.about[i].Path = f.Path
	}
	return i
}

// protExec is PROT_EXEC: the mapping is of a program's code.
const protExec = 4

func (a *attribution) known(key fileKey, f File) int {
	i, known := a.files[key]
	if !known && len(a.doc.Files) >= mostFiles {
		key = fileKey{label: "others " + f.Role}
		f = File{Path: "[more files]", Role: f.Role}
		i, known = a.files[key]
	}
	if !known {
		i = len(a.doc.Files)
		a.files[key] = i
		a.doc.Files = append(a.doc.Files, f)
		a.about = append(a.about, &fileWork{FileFaults: FileFaults{File: i, Path: f.Path}})
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

// locate finds the file of a fault that begins.
func (a *attribution) locate(f *fault) {
	f.offset = event.NoOffset
	if space := a.spaces[int32(f.process)]; space != nil {
		f.isGo = space.isGo
		if file, offset, found := space.find(f.address); found {
			f.file, f.offset = file, int64(offset)
			return
		}
	}
	f.file = a.known(fileKey{label: "?"}, File{Path: "[not known]", Role: RoleMemory})
}

// fault counts one that has ended.
func (a *attribution) fault(f *fault) {
	w := a.about[f.file]
	took := f.end - f.start
	kind := event.KindMinor
	switch {
	case f.major:
		kind = event.KindMajor
		w.Major++
	case f.slept > 0:
		kind = event.KindSlept
		w.Slept++
		w.Minor++
	default:
		w.Minor++
	}
	at := max(f.offset, 0) / a.page
	w.TimeNS += took
	if took > w.SlowestNS {
		w.SlowestNS, w.SlowestOffset = took, f.offset
		if f.offset >= 0 {
			w.SlowestOffset = at * a.page
		}
	}
	w.pages.add(at)
	w.order.next(f.thread, at)
	if kind != event.KindMinor {
		w.waiting.next(f.thread, at)
		if f.isGo {
			w.inGo++
		}
	}
	if a.keep.fault(took, kind != event.KindMinor) {
		a.keep.add(a.event(f, kind))
	}
}

// event is a fault as it is kept.
func (a *attribution) event(f *fault, kind string) event.Event {
	e := event.New(event.Fault, f.start-a.zero, f.end-f.start, event.NoOffset)
	e.Kind, e.Address, e.File, e.Thread, e.Seen, e.Length = kind, f.address, f.file, f.thread, "perf", a.page
	if a.doc.Files[f.file].Role != RoleMemory {
		e.Offset = f.offset &^ (a.page - 1)
	}
	if space := a.spaces[int32(f.process)]; space != nil {
		if code, at, known := space.find(f.ip); known {
			e.Where = fmt.Sprintf("%s+%#x", filepath.Base(a.doc.Files[code].Path), at)
		}
	}
	return e
}

// point takes in what a task read: into the page cache, or from it by a system call.
func (a *attribution) point(t *tracepoint) {
	device := uint32(t.number("s_dev"))
	const minorBits = 20
	key := fileKey{device >> minorBits, device & (1<<minorBits - 1), t.number("i_ino"), ""}
	i, known := a.files[key]
	if !known {
		path := a.named.find(key, t.thread())
		i = a.known(key, File{Path: path, Role: RoleRead, Major: key.major, Minor: key.minor, Inode: key.inode})
	}
	w := a.about[i]
	switch t.Format.Name {
	case "mm_filemap_add_to_page_cache":
		pages := int64(1) << min(t.number("order"), 30)
		w.added += pages
		w.largest = max(w.largest, pages)
	case "mm_filemap_get_pages":
		w.readPage += int64(t.number("last_index")-t.number("index")) + 1
	}
}

// finish adds everything up.
func (a *attribution) finish() {
	d := a.doc
	s := &d.Summary
	d.Events, d.EventsTotal = a.keep.all()
	s.Stages = stagesOf(nil)
	s.Stages[event.StageMap-1].Events = int(a.keep.regions.seen)
	s.WallNS = a.end - a.zero
	for _, w := range a.about {
		faults := &s.Stages[event.StageFault-1]
		if w.Minor+w.Major > 0 {
			faults.Events += int(w.Minor + w.Major)
			faults.took(w.TimeNS)
		}
		if w.Minor+w.Major == 0 && w.added == 0 && w.readPage == 0 {
			continue
		}
		w.close(a)
		s.Files = append(s.Files, w.FileFaults)
		s.Faults.Minor += w.Minor
		s.Faults.Major += w.Major
		s.Faults.Slept += w.Slept
		if d.Files[w.File].Role == RoleMemory {
			s.Faults.Elsewhere += w.Minor + w.Major
		}
	}
	s.Faults.Total = s.Faults.Minor + s.Faults.Major
	sort.SliceStable(s.Files, func(i, j int) bool { return s.Files[i].weight() > s.Files[j].weight() })
	s.Advice = a.advice()
}

// weight orders files: by the time that faults took and that reads may have taken, a
// nanosecond a byte.
func (f *FileFaults) weight() int64 {
	if f.ReadBytes != nil {
		return f.TimeNS + *f.ReadBytes
	}
	return f.TimeNS
}

func (w *fileWork) close(a *attribution) {
	w.DistinctPages, w.DistinctAtLeast = w.pages.count()
	w.Pattern = w.order.name()
	w.SequentialShare = w.order.share(w.order.up)
	if a.byPoints && a.doc.Files[w.File].Role != RoleMemory {
		read, calls := w.added*a.page, w.readPage
		w.ReadBytes, w.ReadCallPages = &read, &calls
	}
	if w.ReadBytes != nil && w.DistinctPages > 0 && !w.DistinctAtLeast {
		ratio := Ratio(float64(*w.ReadBytes) / float64(w.DistinctPages*a.page))
		w.Amplification = &ratio
	}
}
