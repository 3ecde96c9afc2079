//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// Bits of an entry of /proc/kpageflags (Documentation/admin-guide/mm/pagemap.rst):
//
//	 18          16    15        8          6       4      2
//	┌───────────┬─────┬────┬─┬──────────┬─┬──────┬─┬─────┬─┬──────────┬─┐
//	│unevictable│tail │head│…│writeback │…│active│…│dirty│…│referenced│…│
//	└───────────┴─────┴────┴─┴──────────┴─┴──────┴─┴─────┴─┴──────────┴─┘
//	             of a large folio
const (
	flagReferenced  = 1 << 2
	flagDirty       = 1 << 4
	flagActive      = 1 << 6
	flagWriteback   = 1 << 8
	flagHead        = 1 << 15
	flagTail        = 1 << 16
	flagUnevictable = 1 << 18
)

// errFramesHidden is what root meets whose capabilities were taken away.
var errFramesHidden = errors.New("pagemap hides the frames' numbers: needs CAP_SYS_ADMIN")

// frameTables are the kernel's files of frames: of each frame, by its number, an
// entry of entryBytes.
type frameTables struct {
	flags  *os.File
	count  *os.File // nil where refused
	cgroup *os.File // nil where refused, or where the kernel has none
}

// frameFiles tells which of the tables there are, and why not the others.
type frameFiles struct {
	Sources []string         `json:",omitempty"`
	Missing []event.Bilingue `json:",omitempty"`
}

// openFrameTables opens what there is below a root like /proc; nil where not even
// the flags are to be had.
func openFrameTables(root string) (*frameTables, frameFiles) {
	var files frameFiles
	open := func(name, option string, tells event.Bilingue) *os.File {
		f, err := os.Open(filepath.Join(root, name))
		if err == nil {
			files.Sources = append(files.Sources, name)
			return f
		}
		var why any = cause(err)
		if errors.Is(err, fs.ErrNotExist) {
			why = words.Of("needs a kernel with %s", option)
		}
		files.Missing = append(files.Missing, words.Of("%s: %s: %v", tells, name, why))
		return nil
	}
	const monitor = "CONFIG_PROC_PAGE_MONITOR"
	t := &frameTables{flags: open("kpageflags", monitor, words.Of("folios, and what their flags are"))}
	if t.flags == nil {
		return nil, files
	}
	t.count = open("kpagecount", monitor, words.Of("whether others map the pages"))
	t.cgroup = open("kpagecgroup", "CONFIG_MEMCG", words.Of("which control group the pages are charged to"))
	return t, files
}

func (t *frameTables) close() {
	for _, f := range []*os.File{t.flags, t.count, t.cgroup} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// look counts the pages of a region by their pagemap entries, in order. The buffer
// is room for entries as they are read.
func (t *frameTables) look(entries []uint64, buffer []byte) (*Frames, error) {
	c := frameCount{tables: t, buffer: buffer, found: &Frames{}}
	if t.count != nil {
		c.found.MappedByOthers = new(int64)
	}
	if t.cgroup != nil {
		c.found.ChargedTo = []Charge{}
	}
	most, hidden := len(buffer)/entryBytes, false
	for i := 0; i < len(entries); {
		first := entryFrame(entries[i])
		if first == 0 {
			hidden = hidden || entries[i]&entryPresent != 0
			i++
			continue
		}
		n := 1 // neighbours in memory are read in one call
		for n < most && i+n < len(entries) && entryFrame(entries[i+n]) == first+uint64(n) {
			n++
		}
		if err := c.add(first, n); err != nil {
			return nil, err
		}
		i += n
	}
	if hidden && c.found.Pages == 0 {
		return nil, errFramesHidden
	}
	return c.found, nil
}

// frameCount is a count under way.
type frameCount struct {
	tables *frameTables
	found  *Frames
	folio  folio // that was counted last
	buffer []byte
	one    [entryBytes]byte
}

// add counts n frames that lie side by side.
func (c *frameCount) add(first uint64, n int) error {
	raw := c.buffer[:n*entryBytes]
	if err := readFrames(c.tables.flags, first, raw); err != nil {
		return err
	}
	for i := range n {
		if err := c.addFlags(first+uint64(i), frameEntry(raw, i)); err != nil {
			return err
		}
	}
	if c.tables.count != nil {
		if err := readFrames(c.tables.count, first, raw); err != nil {
			return err
		}
		for i := range n {
			if frameEntry(raw, i) > 1 { // one is the region's own
				*c.found.MappedByOthers++
			}
		}
	}
	if c.tables.cgroup != nil {
		if err := readFrames(c.tables.cgroup, first, raw); err != nil {
			return err
		}
		for i := range n {
			c.charge(frameEntry(raw, i))
		}
	}
	return nil
}

func (c *frameCount) addFlags(frame, flags uint64) error {
	if frame-c.folio.first >= c.folio.pages {
		var err error
		if c.folio, err = c.folioOf(frame, flags); err != nil {
			return err
		}
		c.found.Folios++
		c.found.LargestFolio = max(c.found.LargestFolio, int64(c.folio.pages))
	}
	flags |= c.folio.flags
	c.found.Pages++
	for _, counted := range []struct {
		flag uint64
		into *int64
	}{
		{flagDirty, &c.found.Dirty},
		{flagWriteback, &c.found.Writeback},
		{flagReferenced, &c.found.Referenced},
		{flagActive, &c.found.Active},
		{flagUnevictable, &c.found.Unevictable},
	} {
		if flags&counted.flag != 0 {
			*counted.into++
		}
	}
	return nil
}

// charge counts a page of a control group; 0 is none.
func (c *frameCount) charge(inode uint64) {
	if inode == 0 {
		return
	}
	for i := range c.found.ChargedTo {
		if c.found.ChargedTo[i].GroupInode == inode {
			c.found.ChargedTo[i].Pages++
			return
		}
	}
	c.found.ChargedTo = append(c.found.ChargedTo, Charge{GroupInode: inode, Pages: 1})
}

func frameEntry(raw []byte, i int) uint64 { return binary.NativeEndian.Uint64(raw[i*entryBytes:]) }

// readFrames reads the entries of frames from first on. There are none beyond the
// end of memory.
func readFrames(table *os.File, first uint64, into []byte) error {
	n, err := table.ReadAt(into, int64(first)*entryBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	clear(into[n:])
	return nil
}
