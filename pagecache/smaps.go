package pagecache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/internal/sys"
)

// ProcessView is what one process maps of a file.
type ProcessView struct {
	PID int `json:"pid"`
	names.Program
	Mappings []MappingView `json:"mappings"`
	Hidden   string        `json:"hidden,omitempty"` // why nothing is known
}

// MappingView is one mapping: the kernel's own account (smaps) and the page table
// (pagemap). A private copy is a page of a private mapping that was stored to; it
// belongs to the process, and goes to swap and not to the file.
type MappingView struct {
	Mapping
	SizeBytes         int64 `json:"size_bytes"`
	ResidentBytes     int64 `json:"resident_bytes"`     // Rss
	ProportionalBytes int64 `json:"proportional_bytes"` // Pss: shared pages by how many share them
	SharedCleanBytes  int64 `json:"shared_clean_bytes"`
	SharedDirtyBytes  int64 `json:"shared_dirty_bytes"`
	PrivateCleanBytes int64 `json:"private_clean_bytes"`
	PrivateDirtyBytes int64 `json:"private_dirty_bytes"`
	AnonymousBytes    int64 `json:"anonymous_bytes"` // private copies in memory
	SwapBytes         int64 `json:"swap_bytes"`
	LockedBytes       int64 `json:"locked_bytes"`

	FilePages    *int64 `json:"file_pages"`    // of the page cache, in the page table
	CopiedPages  *int64 `json:"copied_pages"`  // private copies, in the page table
	SwappedPages *int64 `json:"swapped_pages"` // private copies, in swap
	Unknown      string `json:"unknown,omitempty"`
}

// viewOf reads what process pid maps of the file.
func (h *handle) viewOf(ctx context.Context, proc string, pid int) (*ProcessView, error) {
	v := &ProcessView{PID: pid, Program: names.ProgramOf(commandOf(proc, pid)), Mappings: []MappingView{}}
	file, err := os.Open(filepath.Join(proc, strconv.Itoa(pid), "smaps"))
	if err != nil {
		return v.refused(err)
	}
	defer file.Close()
	all, err := parseSmaps(file)
	if err != nil {
		return v.refused(err)
	}
	p := &Processes{proc: proc}
	name, err := p.name(h)
	if err != nil {
		return v.refused(err)
	}
	for _, m := range all {
		if m.file != name {
			continue
		}
		m.PID = pid
		if err := p.readTable(ctx, &m); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			m.Unknown = err.Error()
		}
		v.Mappings = append(v.Mappings, m)
	}
	return v, nil
}

// refused says why nothing is known; that there is no such process is an error.
func (v *ProcessView) refused(err error) (*ProcessView, error) {
	if errors.Is(err, fs.ErrPermission) {
		v.Hidden = "unknown (needs the process's user or root)"
		return v, nil
	}
	if errors.Is(err, fs.ErrNotExist) && sys.Alive(v.PID) {
		v.Hidden = "unknown (the process cannot be seen by this user: /proc is mounted with hidepid)"
		return v, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("process %d: there is none: %w", v.PID, err)
	}
	return nil, fmt.Errorf("process %d: %w", v.PID, err)
}

// readTable counts the entries of the process's page table.
func (p *Processes) readTable(ctx context.Context, m *MappingView) error {
	file, err := p.openPagemap(m.PID)
	if err != nil {
		return err
	}
	defer file.Close()
	var ofFile, copied, swapped int64
	err = pagemap(ctx, file, m.Begin, m.pages().pages(), func(_ int64, entries []byte) error {
		for i := 0; i < len(entries); i += 8 {
			switch e := uint64At(entries, i); {
			case e&entryPresent != 0 && e&entryFile != 0:
				ofFile++
			case e&entryPresent != 0:
				copied++
			case e&entrySwapped != 0:
				swapped++
			}
		}
		return nil
	})
	if err == nil {
		m.FilePages, m.CopiedPages, m.SwappedPages = &ofFile, &copied, &swapped
	}
	return err
}

// parseSmaps reads /proc/PID/smaps, as in proc_pid_smaps(5): for each mapping its
// line of maps, then lines such as "Rss:   8 kB".
func parseSmaps(r io.Reader) ([]MappingView, error) {
	var found []MappingView
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m, ok, err := parseMapping(lines.Text())
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, MappingView{Mapping: m})
			continue
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("smaps begins with %q", lines.Text())
		}
		if err := found[len(found)-1].parseLine(lines.Text()); err != nil {
			return nil, err
		}
	}
	return found, lines.Err()
}

func (m *MappingView) parseLine(line string) error {
	name, value, _ := strings.Cut(line, ":")
	to := map[string]*int64{
		"Size": &m.SizeBytes, "Rss": &m.ResidentBytes, "Pss": &m.ProportionalBytes,
		"Shared_Clean": &m.SharedCleanBytes, "Shared_Dirty": &m.SharedDirtyBytes,
		"Private_Clean": &m.PrivateCleanBytes, "Private_Dirty": &m.PrivateDirtyBytes,
		"Anonymous": &m.AnonymousBytes, "Swap": &m.SwapBytes, "Locked": &m.LockedBytes,
	}[name]
	if to == nil {
		return nil // VmFlags, and what later kernels add
	}
	number, isKB := strings.CutSuffix(strings.TrimSpace(value), " kB")
	kb, err := strconv.ParseInt(number, 10, 53)
	if err != nil || !isKB || kb < 0 {
		return fmt.Errorf("a line of smaps: %q", line)
	}
	*to = kb << 10
	return nil
}
