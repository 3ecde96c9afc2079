package pagecache

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
)

// watched are the tracepoints of the page cache that say who reads. That a fault
// installs pages which are in memory already (map_pages) is not counted: it says
// which, and not that they were looked at.
var watched = []string{"mm_filemap_add_to_page_cache", "mm_filemap_get_pages", "mm_filemap_fault"}

// instancePrefix names the instances of tracefs that are ours.
const instancePrefix = "filemap-who-"

// WatchReaders watches for so long which threads read the file or fault on it. It
// takes root, uses an instance of tracefs of its own (mounted for it where it is
// not), and takes all of that away again, what a killed run left too.
//
// A load of a page that is mapped already goes past the kernel, and is not seen.
func WatchReaders(ctx context.Context, path string, d time.Duration) (*Seen, error) {
	h, err := openFile("watch", path)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	if os.Geteuid() != 0 {
		return nil, h.fail("watch", 0, 0, errNeedsRoot())
	}
	seen, err := h.watch(ctx, d)
	if err != nil {
		return nil, h.fail("watch", 0, 0, err)
	}
	return seen, nil
}

func (h *handle) watch(ctx context.Context, d time.Duration) (seen *Seen, err error) {
	name, err := (&Processes{proc: defaultProc}).name(h)
	if err != nil {
		return nil, err
	}
	undo.CleanUp()
	var made undo.Journal
	defer func() { err = errors.Join(err, made.Close()) }()
	root, err := tracefs(&made)
	if err != nil {
		return nil, err
	}
	dir := undo.Name(filepath.Join(root, "instances"), instancePrefix)
	if err := made.Make(undo.Instance, dir, func() error { return os.Mkdir(dir, 0o700) }); err != nil {
		return nil, err
	}
	if err := enable(dir, name.Inode); err != nil {
		return nil, err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
	}
	if err := write(dir, "tracing_on", "0"); err != nil {
		return nil, err
	}
	return h.collect(dir, name)
}

// tracefs returns where it is mounted, or mounts it for itself.
func tracefs(made *undo.Journal) (string, error) {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		// Another run's own is not for us: it goes with that run.
		if len(fields) > 2 && fields[2] == "tracefs" && !strings.ContainsAny(fields[1], `\`) && !strings.Contains(fields[1], "/filemap-tracefs-") {
			return fields[1], nil
		}
	}
	dir := undo.Name(os.TempDir(), "filemap-tracefs-")
	if err := made.Make(undo.Dir, dir, func() error { return os.Mkdir(dir, 0o700) }); err != nil {
		return "", err
	}
	if err := made.Make(undo.Mount, dir, func() error { return sys.MountTracefs(dir) }); err != nil {
		return "", fmt.Errorf("needs tracefs: %w", err)
	}
	return dir, nil
}

func write(dir, name, text string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// enable has only events of that inode number kept, in a buffer of 4 MiB a
// processor.
func enable(dir string, inode uint64) error {
	if err := write(dir, "buffer_size_kb", "4096"); err != nil {
		return err
	}
	for _, event := range watched {
		at := filepath.Join(dir, "events/filemap", event)
		err := write(at, "filter", "i_ino == "+strconv.FormatUint(inode, 10))
		if err == nil {
			err = write(at, "enable", "1")
		}
		// get_pages and fault came with Linux 6.13.
		if err != nil && (event == watched[0] || !errors.Is(err, fs.ErrNotExist)) {
			return err
		}
	}
	return nil
}

// collect reads what was kept.
func (h *handle) collect(dir string, name sys.DeviceInode) (*Seen, error) {
	trace, err := os.Open(filepath.Join(dir, "trace"))
	if err != nil {
		return nil, err
	}
	defer trace.Close()
	found, err := parseTrace(trace, name, int64(sys.PageSize), span{0, pages(h.size)})
	if err != nil {
		return nil, err
	}
	seen := &Seen{Readers: []Holder{}}
	for thread, holder := range found {
		if thread != os.Getpid() {
			seen.Readers = append(seen.Readers, holder.Holder)
		}
	}
	slices.SortFunc(seen.Readers, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.SeenPages+b.LoadedPages, a.SeenPages+a.LoadedPages), cmp.Compare(a.PID, b.PID))
	})
	stats, _ := filepath.Glob(filepath.Join(dir, "per_cpu/cpu*/stats"))
	for _, s := range stats {
		text, err := os.ReadFile(s)
		if err != nil {
			return nil, err
		}
		seen.LostEvents += lostEvents(string(text))
	}
	return seen, nil
}

// lostEvents reads "overrun: 12" and "dropped events: 3" of a processor's buffer.
func lostEvents(stats string) (lost int64) {
	for line := range strings.Lines(stats) {
		title, value, _ := strings.Cut(line, ":")
		if title == "overrun" || title == "dropped events" {
			n, _ := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			lost += n
		}
	}
	return lost
}
