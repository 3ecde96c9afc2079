package pagecache

import (
	"bufio"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/internal/sys"
)

// A line of an instance's trace. The command can have spaces and dashes in it, and
// the tracepoints write their fields in two ways:
//
//	cat file-1234  [001] .....  12.345678: mm_filemap_fault: dev 254:0 ino 98ab5 ofs=8192
//	cat file-1234  [001] .....  12.345679: mm_filemap_get_pages: dev=254:0 ino=98ab5 ofs=0-16383
var (
	traceLine  = regexp.MustCompile(`^\s*(.+)-(\d+)\s+\[\d+\] .*?: mm_filemap_(\w+): dev[ =](\d+):(\d+) ino[ =]([0-9a-f]+) (.*)$`)
	traceOrder = regexp.MustCompile(`\border=(\d+)`)
	traceRange = regexp.MustCompile(`\bofs=(\d+)(?:-(\d+))?`)
)

// reader is a thread, and what it did with the file.
type reader struct {
	Holder
	asked []span
}

// commandIn is the name in a line: the kernel remembers those of few threads, and writes
// "<...>" for others.
func commandIn(field string) string {
	name := strings.TrimSpace(field)
	if name == "<...>" {
		return ""
	}
	return name
}

// parseTrace collects what each thread did with the file. A read of many pages is
// told again for the rest of it, so that pages are counted once a thread.
func parseTrace(r io.Reader, file sys.DeviceInode, pageBytes int64, all span) (map[int]*reader, error) {
	found := map[int]*reader{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		m := traceLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue // the head, and other events
		}
		major, _ := strconv.ParseUint(m[4], 10, 32)
		minor, _ := strconv.ParseUint(m[5], 10, 32)
		inode, _ := strconv.ParseUint(m[6], 16, 64)
		thread, err := strconv.Atoi(m[2])
		if err != nil || file != (sys.DeviceInode{Major: uint32(major), Minor: uint32(minor), Inode: inode}) {
			continue
		}
		h := found[thread]
		if h == nil {
			h = &reader{Holder: Holder{Grade: GradeSeen, PID: thread, Program: names.ProgramOf(commandIn(m[1]))}}
			found[thread] = h
		}
		h.addEvent(m[3], m[7], pageBytes, all)
	}
	for _, h := range found {
		_, h.SeenPages = union(h.asked)
	}
	return found, lines.Err()
}

// addEvent takes in the pages of one event, of those that the file has.
func (h *reader) addEvent(name, text string, pageBytes int64, all span) {
	if name == "add_to_page_cache" { // a folio
		order := 0
		if m := traceOrder.FindStringSubmatch(text); m != nil {
			order, _ = strconv.Atoi(m[1])
		}
		h.LoadedPages += 1 << min(order, 20)
		return
	}
	m := traceRange.FindStringSubmatch(text)
	if m == nil {
		return
	}
	begin, _ := strconv.ParseInt(m[1], 10, 63)
	last := begin
	if m[2] != "" {
		last, _ = strconv.ParseInt(m[2], 10, 63)
	}
	s := span{max(begin/pageBytes, all.begin), min(last/pageBytes+1, all.end)}
	if s.pages() > 0 {
		h.asked = appendSpan(h.asked, s)
	}
}
