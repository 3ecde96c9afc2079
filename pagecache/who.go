package pagecache

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/internal/sys"
)

// Grade says how sure it is that somebody has to do with a file's pages.
type Grade string

// The grades, surest first. None says who read a page first: the kernel does not
// keep that, but for the cgroup.
const (
	GradeMapped Grade = "mapped by now"               // pages of the file are in its page table
	GradeSeen   Grade = "seen reading while watching" // a tracepoint fired in it
	GradeOpen   Grade = "has it open"                 // it may have read some, or not
)

// Who is who has to do with a file's pages, in labelled grades.
type Who struct {
	Holders         []Holder          `json:"holders"`
	Charged         []Charge          `json:"charged"` // the cgroups that pay for the pages in memory
	HiddenProcesses int               `json:"hidden_processes"`
	UnseenProcesses string            `json:"unseen_processes,omitempty"` // why there may be more that cannot be seen
	LostEvents      int64             `json:"lost_events"`                // of watching
	Unknown         map[string]string `json:"unknown,omitempty"`
}

// Holder is a process.
type Holder struct {
	Grade Grade `json:"grade"`
	PID   int   `json:"pid"`
	names.Program
	MappedPages int64 `json:"mapped_pages"`
	SeenPages   int64 `json:"seen_pages"`   // asked for by reads and faults while watched
	LoadedPages int64 `json:"loaded_pages"` // brought into memory while watched, by readahead too
}

// Charge is a memory cgroup, which is the one of the process that brought a page
// into memory, even if that has ended.
type Charge struct {
	Cgroup       string `json:"cgroup"`                  // its path; "" if there is none with the inode any more
	CgroupBase64 []byte `json:"cgroup_base64,omitempty"` // all bytes, where JSON would change them
	Inode        uint64 `json:"inode"`
	Pages        int64  `json:"pages"`
}

func (w *Who) sort() {
	order := []Grade{GradeMapped, GradeSeen, GradeOpen}
	slices.SortFunc(w.Holders, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Grade), slices.Index(order, b.Grade)),
			cmp.Compare(b.MappedPages+b.SeenPages, a.MappedPages+a.SeenPages), cmp.Compare(a.PID, b.PID))
	})
}

// nameCgroups turns the inodes that the frames are charged to into paths.
func (f *File) nameCgroups(root string) {
	if f.Who == nil {
		f.Who = &Who{Holders: []Holder{}, Charged: []Charge{}}
	}
	if f.Frames == nil {
		f.Who.unknown("charged", f.Unknown["frames"])
		return
	}
	paths := map[uint64]string{}
	for inode, n := range f.Frames.charged {
		f.Who.Charged = append(f.Who.Charged, Charge{Inode: inode, Pages: n})
		paths[inode] = ""
	}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if inode, err := sys.InodeOfPath(path); err == nil {
			if name, wanted := paths[inode]; wanted && name == "" {
				paths[inode] = path
			}
		}
		return nil
	})
	for i := range f.Who.Charged {
		c := &f.Who.Charged[i]
		c.Cgroup = paths[c.Inode]
		c.CgroupBase64 = names.Lossless(c.Cgroup)
	}
	slices.SortFunc(f.Who.Charged, func(a, b Charge) int {
		return cmp.Or(cmp.Compare(b.Pages, a.Pages), cmp.Compare(a.Inode, b.Inode))
	})
}

func (w *Who) unknown(field, reason string) {
	if w.Unknown == nil {
		w.Unknown = map[string]string{}
	}
	w.Unknown[field] = reason
}

// addSeen adds those who were seen reading.
func (w *Who) addSeen(s *Seen) {
	if s == nil {
		return
	}
	w.Holders = append(w.Holders, s.Readers...)
	w.LostEvents = s.LostEvents
	w.sort()
}

// countOpen adds the processes that have the file open and do not map it.
func (h *handle) countOpen(f *File, proc string) {
	mine, err := os.Stat(h.path)
	entries, dirErr := os.ReadDir(proc)
	if err := errors.Join(err, dirErr); err != nil {
		f.Who.unknown("open", err.Error())
		return
	}
	hidden := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || slices.ContainsFunc(f.Who.Holders, func(h Holder) bool { return h.PID == pid }) {
			continue
		}
		open, err := hasOpen(filepath.Join(proc, e.Name(), "fd"), mine)
		if errors.Is(err, fs.ErrPermission) {
			hidden++
		}
		if open {
			f.Who.Holders = append(f.Who.Holders, Holder{Grade: GradeOpen, PID: pid, Program: names.ProgramOf(commandOf(proc, pid))})
		}
	}
	f.Who.HiddenProcesses = max(f.Who.HiddenProcesses, hidden)
	f.Who.sort()
}

// hasOpen compares files, not names: a name can be another mount's.
func hasOpen(dir string, file fs.FileInfo) (bool, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, n := range names {
		path := filepath.Join(dir, n.Name())
		target, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(target, "/") {
			continue // sockets and pipes
		}
		if st, err := os.Stat(path); err == nil && os.SameFile(st, file) {
			return true, nil
		}
	}
	return false, nil
}
