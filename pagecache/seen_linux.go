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
	root, unmount, err := tracefs()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unmount()) }()
	removeLeftovers(root)
	dir := filepath.Join(root, "instances", instancePrefix+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	// rmdir, which also ends what is enabled in it. Its files are not to be removed.
	defer func() { err = errors.Join(err, removeInstance(dir)) }()
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
func tracefs() (dir string, unmount func() error, err error) {
	mounts, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "", nil, err
	}
	defer mounts.Close()
	for lines := bufio.NewScanner(mounts); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		// Another run's own is not for us: it goes with that run.
		if len(fields) > 2 && fields[2] == "tracefs" && !strings.ContainsAny(fields[1], `\`) && !strings.Contains(fields[1], "/filemap-tracefs-") {
			return fields[1], func() error { return nil }, nil
		}
	}
	if dir, err = os.MkdirTemp("", "filemap-tracefs-"); err != nil {
		return "", nil, err
	}
	if err := sys.MountTracefs(dir); err != nil {
		return "", nil, errors.Join(fmt.Errorf("needs tracefs: %w", err), os.Remove(dir))
	}
	return dir, func() error { return errors.Join(sys.Unmount(dir), os.Remove(dir)) }, nil
}

// removeInstance tries again: a program that is just being started has, until it
// runs, what this one has open.
func removeInstance(dir string) (err error) {
	for range 100 {
		if err = os.Remove(dir); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// removeLeftovers takes away instances whose process has ended.
func removeLeftovers(root string) {
	all, _ := filepath.Glob(filepath.Join(root, "instances", instancePrefix+"*"))
	for _, dir := range all {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), instancePrefix))
		if err == nil && !sys.Alive(pid) {
			_ = os.Remove(dir)
		}
	}
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
