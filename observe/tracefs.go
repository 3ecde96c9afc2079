//go:build linux

package observe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// instance is a ring buffer of our own below tracefs, which other tracers do not
// see: instances/NAME (Documentation/trace/ftrace.rst). It only reads and writes
// files, below whatever directory it is given.
type instance struct {
	dir     string
	formats map[uint16]*eventFormat
	ids     map[string]bool // tracepoints that are on: "filemap/mm_filemap_fault"
	pipes   []*os.File
	page    []byte
	commit  int
	events  []tracepoint      // without a sink
	sink    func(*tracepoint) // nil, or what takes each; it must not keep the record
	told    int64             // events lost, by what the pages say; the kernel's own count may be higher
}

// wanted is a tracepoint to turn on, and its filter.
type wanted struct{ name, filter string }

// tracepointsOn are those that a trace of the kernel's paging wants, each with the
// filter that keeps others' events out: %F matches the file's device and inode,
// %T the thread, %D the device.
var tracepointsOn = []wanted{
	{"mmap/vm_unmapped_area", "%T"},
	{"exceptions/page_fault_user", "%T"},
	{"filemap/mm_filemap_fault", "%F"},
	{"filemap/mm_filemap_map_pages", "%F"},
	{"filemap/mm_filemap_get_pages", "%F"},
	{"filemap/mm_filemap_add_to_page_cache", "%F"},
	{"filemap/mm_filemap_delete_from_page_cache", "%F"},
	{"readahead/page_cache_sync_ra", "%F"},
	{"readahead/page_cache_async_ra", "%F"},
	{"readahead/page_cache_ra_order", "%F"},
	{"readahead/page_cache_ra_unbounded", "%F"},
	{"writeback/writeback_dirty_folio", "%I"},
	{"writeback/writeback_single_inode_start", "%I"},
	{"writeback/writeback_single_inode", "%I"},
	{"block/block_rq_issue", "%D"},
	{"block/block_rq_requeue", "%D"},
	{"block/block_rq_complete", "%D"},
	{"vmscan/mm_vmscan_direct_reclaim_begin", "%T"},
	{"vmscan/mm_vmscan_direct_reclaim_end", "%T"},
	{"vmscan/mm_vmscan_memcg_reclaim_begin", "%T"},
	{"vmscan/mm_vmscan_memcg_reclaim_end", "%T"},
	{"vmscan/mm_vmscan_write_folio", "%T"},
}

// filterFor are what a filter's letters stand for. Empty ones filter nothing.
type filterFor struct {
	thread int
	files  []File
	disks  []uint32 // (major<<20 | minor), as the kernel numbers devices
}

// kernelDevice is how the kernel packs a device's numbers.
func kernelDevice(major, minor uint32) uint32 { return major<<20 | minor }

func (f filterFor) expand(filter string) string {
	var alternatives []string
	switch filter {
	case "%T":
		if f.thread != 0 {
			alternatives = append(alternatives, fmt.Sprintf("common_pid == %d", f.thread))
		}
	case "%F":
		for _, file := range f.files {
			alternatives = append(alternatives, fmt.Sprintf("(i_ino == %d && s_dev == %d)", file.Inode, kernelDevice(file.Major, file.Minor)))
		}
	case "%I":
		for _, file := range f.files {
			alternatives = append(alternatives, fmt.Sprintf("ino == %d", file.Inode))
		}
	case "%D":
		for _, d := range f.disks {
			alternatives = append(alternatives, fmt.Sprintf("dev == %d", d))
		}
	}
	return strings.Join(alternatives, " || ")
}

// openInstance begins to use one that was just made at dir, below tracefs. bufferKB is
// its size for each processor. It ends when dir is removed; close it before.
func openInstance(dir string, bufferKB int) (*instance, error) {
	in := &instance{
		dir:     dir,
		formats: map[uint16]*eventFormat{}, ids: map[string]bool{},
		page: make([]byte, 1<<16), commit: 8,
	}
	err := errors.Join(
		in.write("tracing_on", "0"),
		in.write("trace_clock", "mono"),
		in.write("buffer_size_kb", strconv.Itoa(bufferKB)))
	if header, readErr := os.ReadFile(filepath.Join(in.dir, "events/header_page")); readErr == nil {
		in.commit = commitBytes(header)
	}
	return in, err
}

// commitBytes finds the size of the page header's commit field.
func commitBytes(header []byte) int {
	for line := range strings.Lines(string(header)) {
		if declared, found := strings.CutPrefix(strings.TrimSpace(line), "field:"); found {
			if name, d, err := parseField(declared); err == nil && name == "commit" && d.Size == 4 {
				return 4
			}
		}
	}
	return 8
}

func (in *instance) write(name, value string) error {
	f, err := os.OpenFile(filepath.Join(in.dir, name), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// enable turns the tracepoints on that this kernel has, and returns those that it
// has not.
func (in *instance) enable(points []wanted, f filterFor) (missing []string, err error) {
	for _, point := range points {
		content, err := os.ReadFile(filepath.Join(in.dir, "events", point.name, "format"))
		if errors.Is(err, os.ErrNotExist) {
			missing = append(missing, point.name)
			continue
		}
		if err != nil {
			return nil, err
		}
		format, err := parseFormat(content)
		if err != nil {
			return nil, err
		}
		if filter := f.expand(point.filter); filter != "" {
			if err := in.write(filepath.Join("events", point.name, "filter"), filter); err != nil {
				return nil, fmt.Errorf("the filter %q of %s: %w", filter, point.name, err)
			}
		}
		if err := in.write(filepath.Join("events", point.name, "enable"), "1"); err != nil {
			return nil, err
		}
		in.formats[format.ID] = format
		in.ids[point.name] = true
	}
	return missing, nil
}

// start opens the buffers and lets the kernel record.
func (in *instance) start() error {
	dirs, err := filepath.Glob(filepath.Join(in.dir, "per_cpu/cpu*"))
	if err != nil || len(dirs) == 0 {
		return fmt.Errorf("%s/per_cpu has no processors: %w", in.dir, os.ErrNotExist)
	}
	for _, dir := range dirs {
		f, err := os.OpenFile(filepath.Join(dir, "trace_pipe_raw"), os.O_RDONLY|nonBlocking, 0)
		if err != nil {
			return err
		}
		in.pipes = append(in.pipes, f)
	}
	return in.write("tracing_on", "1")
}

func (in *instance) stop() error { return in.write("tracing_on", "0") }

// drain reads what was recorded so far.
func (in *instance) drain() error {
	for cpu, pipe := range in.pipes {
		for {
			n, err := readOnce(pipe, in.page)
			if n <= 0 || errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if err := in.take(cpu, in.page[:n]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *instance) take(cpu int, page []byte) error {
	lost, err := parseRingPage(page, in.commit, func(time uint64, record []byte) {
		if len(record) < 2 {
			return
		}
		format := in.formats[nativeID(record)]
		if format == nil {
			return
		}
		if in.sink != nil {
			in.sink(&tracepoint{time, cpu, format, record})
			return
		}
		in.events = append(in.events, tracepoint{time, cpu, format, append([]byte(nil), record...)})
	})
	if lost < 0 {
		lost = 1 // at least
	}
	in.told += lost
	return err
}

// countLost asks the kernel how many events it had no room for.
func (in *instance) countLost() int64 {
	var lost int64
	stats, _ := filepath.Glob(filepath.Join(in.dir, "per_cpu/cpu*/stats"))
	for _, path := range stats {
		if content, err := os.ReadFile(path); err == nil {
			lost += parseLost(content)
		}
	}
	return max(lost, in.told)
}

// parseLost adds up per_cpu/cpuN/stats: "overrun: 12", "dropped events: 3".
func parseLost(stats []byte) int64 {
	var lost int64
	for line := range strings.Lines(string(stats)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if name != "overrun" && name != "dropped events" && name != "commit overrun" {
			continue
		}
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
			lost += n
		}
	}
	return lost
}

// close stops it and closes what is open of it.
func (in *instance) close() {
	_ = in.stop()
	for _, p := range in.pipes {
		_ = p.Close()
	}
	in.pipes = nil
}
