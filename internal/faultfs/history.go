//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"fmt"
	"maps"
	"path"
	"slices"
)

// StepOp is a kind of [Step].
type StepOp string

// The steps.
const (
	StepCreate   StepOp = "create"
	StepMkdir    StepOp = "mkdir"
	StepRemove   StepOp = "remove"
	StepRename   StepOp = "rename"
	StepWrite    StepOp = "write"
	StepTruncate StepOp = "truncate" // to Off bytes, shorter or longer
	StepAllocate StepOp = "allocate"
	StepSync     StepOp = "sync" // of a file, or of a directory's entries
	StepMark     StepOp = "mark" // the test's own: see FS.Mark
)

// Step is something that changes what is on the disk, or makes it durable.
type Step struct {
	Op         StepOp
	Name, To   string // paths when it was done; of a mark its text
	File       int    // which file or directory: a number, since names change
	Dir, ToDir int    // where its entry is, and goes
	Off, Bytes int64
	Mode       uint32 // of an allocation
	Data       []byte
}

// String is the step in a few words.
func (s Step) String() string {
	switch s.Op {
	case StepWrite:
		return fmt.Sprintf("write %s[%d,%d)", s.Name, s.Off, s.Off+int64(len(s.Data)))
	case StepAllocate:
		return fmt.Sprintf("allocate %s[%d,%d)", s.Name, s.Off, s.Off+s.Bytes)
	case StepTruncate:
		return fmt.Sprintf("truncate %s %d", s.Name, s.Off)
	case StepRename:
		return fmt.Sprintf("rename %s %s", s.Name, s.To)
	}
	return fmt.Sprintf("%s %s", s.Op, s.Name)
}

// History is all steps since [FS.Record], behind those that make what was there,
// all of it durable, when it began.
type History struct {
	Steps []Step
	Begin int // how many make what was there
}

// Disk is what is on a disk: the contents of files by path, and directories. It
// shares bytes with others, so that nobody may change them.
type Disk struct {
	Files map[string][]byte
	Dirs  []string // above what they hold
}

// inode is a file, or a directory if it has entries.
type inode struct {
	data    []byte
	entries map[string]int
}

// change is a part of a step that a power cut keeps or loses by itself.
type change struct {
	inode int
	apply func(*inode)
}

// replay goes over a history again and knows at each step what is durable, and
// what can be lost.
type replay struct {
	sector  int64
	durable map[int]*inode
	pending []change
	sizes   map[int]int64 // of files, as a process sees them
	mark    string
}

func newReplay(sector int64) *replay {
	return &replay{
		sector:  sector,
		durable: map[int]*inode{0: {entries: map[string]int{}}},
		sizes:   map[int]int64{},
	}
}

func (r *replay) add(id int, apply func(*inode)) {
	if r.durable[id] == nil { // it was open, without a name, when the history began
		r.durable[id] = &inode{}
	}
	r.pending = append(r.pending, change{id, apply})
}

func (r *replay) step(s *Step) {
	name := path.Base(s.Name)
	link := func(n *inode) { n.entries[name] = s.File }
	unlink := func(n *inode) { delete(n.entries, name) }
	switch s.Op {
	case StepCreate:
		r.durable[s.File] = &inode{} // nothing leads to it yet
		r.add(s.Dir, link)
	case StepMkdir:
		r.durable[s.File] = &inode{entries: map[string]int{}}
		r.add(s.Dir, link)
	case StepRemove:
		r.add(s.Dir, unlink)
	case StepRename:
		r.rename(s)
	case StepWrite:
		r.write(s.File, s.Off, s.Data)
	case StepTruncate:
		r.sizes[s.File] = s.Off
		r.add(s.File, func(n *inode) { n.resize(s.Off) })
	case StepAllocate:
		r.allocate(s)
	case StepSync:
		r.sync(s.File)
	case StepMark:
		r.mark = s.Name
	}
}

// rename is kept or lost as a whole inside of a directory, as every file system
// has it. From one directory to another it is two changes, of which each wants a
// sync of its own.
func (r *replay) rename(s *Step) {
	from, to := path.Base(s.Name), path.Base(s.To)
	if s.Dir == s.ToDir {
		r.add(s.Dir, func(n *inode) {
			delete(n.entries, from)
			n.entries[to] = s.File
		})
		return
	}
	r.add(s.ToDir, func(n *inode) { n.entries[to] = s.File })
	r.add(s.Dir, func(n *inode) { delete(n.entries, from) })
}

// write is a change of the size, if it is one, and one for each sector: a size can
// be there without the bytes, and a sector without those before it.
func (r *replay) write(id int, off int64, data []byte) {
	r.extend(id, off+int64(len(data)))
	for len(data) > 0 {
		at, part := off, data[:min(int64(len(data)), r.sector-off%r.sector)]
		r.add(id, func(n *inode) {
			n.resize(max(int64(len(n.data)), at+int64(len(part))))
			copy(n.data[at:], part)
		})
		data, off = data[len(part):], off+int64(len(part))
	}
}

func (r *replay) extend(id int, end int64) {
	if end > r.sizes[id] {
		r.sizes[id] = end
		r.add(id, func(n *inode) { n.resize(max(int64(len(n.data)), end)) })
	}
}

// The modes of fallocate(2) that FUSE passes on.
const (
	keepSize  = 0x1
	punchHole = 0x2
	zeroRange = 0x10
)

func (r *replay) allocate(s *Step) {
	end := s.Off + s.Bytes
	if s.Mode&keepSize == 0 {
		r.extend(s.File, end)
	}
	if s.Mode&(punchHole|zeroRange) != 0 {
		if end = min(end, r.sizes[s.File]); end > s.Off {
			r.write(s.File, s.Off, make([]byte, end-s.Off))
		}
	}
}

// sync makes the changes of one file, or of the entries of one directory, durable.
// Nothing else: who makes a file has to sync its directory too.
func (r *replay) sync(id int) {
	r.pending = slices.DeleteFunc(r.pending, func(c change) bool {
		if c.inode == id {
			r.durable[id] = r.durable[id].clone() // Disks may share it
			c.apply(r.durable[id])
		}
		return c.inode == id
	})
}

// disk is what there is when of the pending changes those are kept for which kept
// says so, in their order.
func (r *replay) disk(kept func(i int) bool) Disk {
	inodes := maps.Clone(r.durable)
	for i, c := range r.pending {
		if !kept(i) {
			continue
		}
		if inodes[c.inode] == r.durable[c.inode] {
			inodes[c.inode] = r.durable[c.inode].clone()
		}
		c.apply(inodes[c.inode])
	}
	d := Disk{Files: map[string][]byte{}}
	d.collect(inodes, 0, "")
	return d
}

// collect adds what a directory leads to.
func (d *Disk) collect(inodes map[int]*inode, id int, dir string) {
	for _, name := range slices.Sorted(maps.Keys(inodes[id].entries)) {
		id := inodes[id].entries[name]
		name = path.Join(dir, name)
		if n := inodes[id]; n.entries == nil {
			d.Files[name] = n.data
		} else {
			d.Dirs = append(d.Dirs, name)
			d.collect(inodes, id, name)
		}
	}
}

func (n *inode) clone() *inode {
	return &inode{slices.Clone(n.data), maps.Clone(n.entries)}
}

// resize makes n have size bytes.
func (n *inode) resize(size int64) {
	if more := size - int64(len(n.data)); more > 0 {
		n.data = append(n.data, make([]byte, more)...)
	}
	n.data = n.data[:size]
}
