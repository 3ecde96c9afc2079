package pagecache

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/filemap-go/filemap/internal/sys"
)

// Mapping is one line of /proc/PID/maps: a range of addresses that shows a file.
type Mapping struct {
	PID         int    `json:"pid"`
	Begin       uint64 `json:"begin_address"`
	End         uint64 `json:"end_address"`
	Permissions string `json:"permissions"` // "r--s"; the last is s for shared, p for private
	Offset      int64  `json:"offset_bytes"`
	file        sys.DeviceInode
}

// Processes is who maps which file, as /proc tells this user. Several goroutines can
// use it. The zero Processes knows of nobody.
type Processes struct {
	Hidden int    // processes whose mappings this user may not see
	Unseen string // why there may be others, which /proc does not list; "" where it lists all
	proc   string
	maps   map[sys.DeviceInode][]Mapping

	mu    sync.Mutex
	named map[sys.DeviceInode]bool // by device alone: /proc/PID/maps names its files as stat(2) does
}

const defaultProc = "/proc"

// ScanProcesses reads the mappings of every process under proc, "" for /proc.
func ScanProcesses(ctx context.Context, proc string) (*Processes, error) {
	if proc == "" {
		proc = defaultProc
	}
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, &Error{Op: "scan", Path: proc, Err: err}
	}
	p := &Processes{proc: proc, maps: map[sys.DeviceInode][]Mapping{}}
	p.Unseen = unseen(proc, entries)
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, &Error{Op: "scan", Path: proc, Err: err}
		}
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			p.scan(pid)
		}
	}
	return p, nil
}

// initialNamespace is what the kernel calls the namespace of all processes
// (PID_NS_INIT_INO of include/uapi/linux/nsfs.h).
const initialNamespace = "pid:[4026531836]"

// unseen says why /proc does not list all processes. Each namespace has a process 1,
// which only who may trace it is shown where /proc is mounted with hidepid=2 or 4.
func unseen(proc string, entries []fs.DirEntry) string {
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "1" }) {
		return "processes of other users cannot be seen (/proc is mounted with hidepid)"
	}
	if namespace, err := os.Readlink(filepath.Join(proc, "self/ns/pid")); err == nil && namespace != initialNamespace {
		return "processes outside of this container (PID namespace) cannot be seen"
	}
	return ""
}

// why says why the processes that are known may not be all, "" where they are.
func (p *Processes) why(hidden int) string {
	switch {
	case hidden > 0:
		return fmt.Sprintf("%s: this user may not look into %d of the processes", needsRoot("CAP_SYS_PTRACE"), hidden)
	case p.Unseen != "":
		return "unknown: " + p.Unseen
	}
	return ""
}

// scan reads one process's mappings. One that has ended meanwhile maps nothing.
func (p *Processes) scan(pid int) {
	file, err := os.Open(filepath.Join(p.proc, strconv.Itoa(pid), "maps"))
	if err == nil {
		var maps []Mapping
		maps, err = parseMaps(file, pid)
		_ = file.Close()
		for _, m := range maps {
			p.maps[m.file] = append(p.maps[m.file], m)
		}
	}
	if errors.Is(err, fs.ErrPermission) {
		p.Hidden++
	}
}

// parseMaps reads /proc/PID/maps, as in proc_pid_maps(5):
//
//	7f1c2e000000-7f1c2e021000 r--s 00001000 fe:00 247278   /path
//
// Mappings of no file have inode 0 and are left out.
func parseMaps(r io.Reader, pid int) ([]Mapping, error) {
	var found []Mapping
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m, ok, err := parseMapping(lines.Text())
		if err != nil {
			return found, err
		}
		if ok && m.file.Inode != 0 {
			m.PID = pid
			found = append(found, m)
		}
	}
	return found, lines.Err()
}

// parseMapping reads the first line of a mapping; of maps there is no other, and
// the others of smaps are not ok.
func parseMapping(line string) (m Mapping, ok bool, err error) {
	fields := strings.Fields(line)
	if len(fields) < 5 || strings.HasSuffix(fields[0], ":") {
		return m, false, nil
	}
	begin, end, dash := strings.Cut(fields[0], "-")
	major, minor, colon := strings.Cut(fields[3], ":")
	if !dash || !colon {
		return m, false, fmt.Errorf("a line of maps: %q", line)
	}
	var failed error
	number := func(text string, base, size int) uint64 {
		n, err := strconv.ParseUint(text, base, size)
		failed = errors.Join(failed, err)
		return n
	}
	m = Mapping{
		Begin: number(begin, 16, 64), End: number(end, 16, 64), Permissions: fields[1], Offset: int64(number(fields[2], 16, 63)),
		file: sys.DeviceInode{Major: uint32(number(major, 16, 32)), Minor: uint32(number(minor, 16, 32)), Inode: number(fields[4], 10, 64)},
	}
	if failed == nil && m.End < m.Begin {
		failed = errors.New("it ends before it begins")
	}
	if failed != nil {
		return m, false, fmt.Errorf("a line of maps: %q: %w", line, failed)
	}
	return m, true, nil
}

// of returns the mappings of the file.
func (p *Processes) of(h *handle) ([]Mapping, error) {
	name, err := p.name(h)
	if err != nil {
		return nil, err
	}
	return p.maps[name], nil
}

// name finds out what /proc/PID/maps calls the file. On most file systems it is
// what stat(2) says; btrfs, overlayfs and bcachefs have devices that only one of
// the two knows. So the first file of each device is mapped, and looked up.
func (p *Processes) name(h *handle) (sys.DeviceInode, error) {
	name, err := h.DeviceInode()
	if err != nil || h.size == 0 {
		return name, err
	}
	device := sys.DeviceInode{Major: name.Major, Minor: name.Minor}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.named[device] {
		return name, nil
	}
	region, err := sys.MapFile(h.File, 0, 1, sys.ProtRead, sys.Shared)
	if err != nil {
		return name, nil // it cannot be mapped, so nobody does
	}
	defer func() { _ = region.Release() }()
	file, err := os.Open("/proc/self/maps")
	if err != nil {
		return name, err
	}
	defer file.Close()
	maps, err := parseMaps(file, 0)
	if err != nil {
		return name, err
	}
	for _, m := range maps {
		if m.Begin == uint64(region.Addr()) {
			if p.named == nil {
				p.named = map[sys.DeviceInode]bool{}
			}
			p.named[device] = m.file == name
			return m.file, nil
		}
	}
	return name, nil
}

// pageOf returns the pages of the file that the mapping shows.
func (m *Mapping) pages() span {
	page := int64(sys.PageSize)
	begin := m.Offset / page
	return span{begin, begin + int64(m.End-m.Begin)/page}
}

// addressOf is where a page of the file is seen.
func (m *Mapping) addressOf(page int64) uint64 {
	return m.Begin + uint64(page-m.pages().begin)*uint64(sys.PageSize)
}

// Bits of an entry of /proc/PID/pagemap (the kernel's admin-guide/mm/pagemap.rst).
const (
	entryPresent = 1 << 63
	entrySwapped = 1 << 62
	entryFile    = 1 << 61 // a page of a file, or shared memory; clear: a private copy
	entryFrame   = 1<<55 - 1
)

// entriesAtOnce is how many entries of 8 bytes are read in one call.
const entriesAtOnce = 32 << 10

// pagemap calls yield with the entries of [addr, addr+n), part by part.
func pagemap(ctx context.Context, file io.ReaderAt, addr uint64, n int64, yield func(first int64, entries []byte) error) error {
	buffer := make([]byte, 8*min(n, entriesAtOnce))
	for done := int64(0); done < n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buffer[:8*min(n-done, entriesAtOnce)]
		got, err := file.ReadAt(part, int64(addr/uint64(sys.PageSize)*8)+8*done)
		got -= got % 8
		if got > 0 {
			if err := yield(done, part[:got]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || err == nil && got == 0 {
			return nil // the process has ended
		}
		if err != nil {
			return err
		}
		done += int64(got / 8)
	}
	return nil
}

// openPagemap opens the table of process pid.
func (p *Processes) openPagemap(pid int) (*os.File, error) {
	return os.Open(filepath.Join(p.proc, strconv.Itoa(pid), "pagemap"))
}

// mapped finds which pages of the file the mapping has in the page table. Where it
// is known which ones are cached, it looks only at those: no others can be.
func (p *Processes) mapped(ctx context.Context, m Mapping, cached []span) ([]span, error) {
	file, err := p.openPagemap(m.PID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if cached == nil {
		cached = []span{m.pages()}
	}
	var found []span
	for _, c := range cached {
		s := span{max(c.begin, m.pages().begin), min(c.end, m.pages().end)}
		if s.pages() <= 0 {
			continue
		}
		err := pagemap(ctx, file, m.addressOf(s.begin), s.pages(), func(first int64, entries []byte) error {
			for i := 0; i < len(entries); i += 8 {
				e := uint64At(entries, i)
				if e&entryPresent != 0 && e&entryFile != 0 {
					found = appendPage(found, s.begin+first+int64(i/8))
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
	}
	return found, nil
}

func appendPage(s []span, page int64) []span {
	if last := len(s) - 1; last >= 0 && s[last].end == page {
		s[last].end++
		return s
	}
	return append(s, span{page, page + 1})
}

func sortSpans(s []span) {
	slices.SortFunc(s, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
}

// union joins spans that overlap or touch, and counts their pages once.
func union(s []span) (joined []span, count int64) {
	sortSpans(s)
	for _, next := range s {
		if last := len(joined) - 1; last >= 0 && next.begin <= joined[last].end {
			joined[last].end = max(joined[last].end, next.end)
			continue
		}
		joined = append(joined, next)
	}
	for _, j := range joined {
		count += j.pages()
	}
	return joined, count
}

// cachedSpans returns where the file is in memory, nil if the kernel does not tell.
func (h *handle) cachedSpans(ctx context.Context, where span) ([]span, error) {
	if h.method == nobody {
		return nil, nil
	}
	found := []span{}
	err := h.runs(ctx, where, func(r run) error {
		if r.state&Cached == 0 {
			return nil
		}
		if last := len(found) - 1; last >= 0 && found[last].end == r.begin {
			found[last].end = r.end
			return nil
		}
		found = append(found, r.span)
		return nil
	})
	return found, err
}
