package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// commandPoints are what a command's trace adds as root: what its tasks bring into
// the page cache. Its tasks are chosen by set_event_pid, which follows its children.
var commandPoints = []wanted{
	{"filemap/mm_filemap_add_to_page_cache", ""},
}

// Command runs a program and attributes the faults of it and of its children to
// files and offsets. The program's own failure is no error: its exit status is in
// the summary. When ctx ends the program is asked to end, and killed if it does not.
func Command(ctx context.Context, o CommandOptions) (*Document, error) {
	name := "command"
	if len(o.Argv) > 0 {
		name = o.Argv[0]
	}
	fail := func(err error) (*Document, error) { return nil, &Error{Op: "run", Path: name, Err: err} }
	if len(o.Argv) == 0 || o.Argv[0] == "" {
		return fail(fmt.Errorf("%w: no program is named", ErrOption))
	}
	path, err := exec.LookPath(o.Argv[0])
	if err != nil {
		return fail(lookError(err))
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Sys == "" {
		o.Sys = "/sys"
	}
	if _, err := CleanUp(); err != nil {
		return nil, err
	}
	j, err := newJournal()
	if err != nil {
		return fail(err)
	}
	r := &running{session: session{journal: j, tier: o.Tier, proc: o.Proc, sys: o.Sys}, o: &o, path: path}
	r.doc = &Document{Schema: Schema, Command: o.Argv, Missing: []string{}, Sources: []string{}, Snapshots: []Snapshot{}, Regions: []Region{}}
	doc, err := r.run(ctx)
	if endErr := r.end(); err == nil && endErr != nil {
		err = endErr
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fail(err)
	}
	return doc, nil
}

func lookError(err error) error {
	var looking *exec.Error
	if errors.As(err, &looking) {
		return looking.Err
	}
	return cause(err)
}

// running is a session that follows a program.
type running struct {
	session
	o    *CommandOptions
	path string
}

func (r *running) run(ctx context.Context) (*Document, error) {
	j := &job{Exec: r.o.Argv, ExecPath: r.path}
	err := r.startChild(ctx, j, func(c *exec.Cmd) {
		c.Stdin, c.Stdout, c.Stderr = r.o.Stdin, r.o.Stdout, r.o.Stderr
		c.Cancel = func() error { return c.Process.Signal(sys.Terminate) }
		const patience = 5 * time.Second
		c.WaitDelay = patience
	})
	if err != nil {
		return nil, err
	}
	pid := r.cmd.Process.Pid
	before := faultsSoFar(r.proc, pid)
	r.openPerf(sys.PerfOptions{Inherit: true, OnExec: true, Mappings: true, Kernel: os.Geteuid() == 0}, onlineProcessors(r.sys))
	if len(r.rings) == 0 {
		return nil, fmt.Errorf("the faults of a program are known by perf alone, which is not to be had: %s", strings.Join(r.doc.Missing, "; "))
	}
	r.openTracefs(func(in *instance) error {
		if err := in.write("options/event-fork", "1"); err != nil {
			return err
		}
		if err := in.write("set_event_pid", strconv.Itoa(pid)); err != nil {
			return err
		}
		_, err := in.enable(commandPoints, filterFor{})
		return err
	})
	r.doc.Tier = r.tierReached()
	r.follow()
	if err := r.letGo(); err != nil {
		return nil, err
	}
	var a answer
	switch err := r.hearExec(&a); {
	case err != nil:
		return nil, err
	case a.Problem != "":
		return nil, errors.New(a.Problem)
	}
	waitErr := r.cmd.Wait()
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) {
		return nil, waitErr
	}
	if err := r.hush(); err != nil {
		return nil, err
	}
	r.complete(before)
	return r.doc, nil
}

// hearExec waits until the child has become the program, which closes its end of
// the pipe, or says why it could not.
func (r *running) hearExec(a *answer) error {
	err := r.hearOrEnd(a)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (r *running) complete(before sys.Usage) {
	d := r.doc
	d.Machine.Kernel, d.Machine.PageBytes = sys.KernelRelease(), int64(sys.PageSize)
	a := attribute(d, r.records, d.Machine.PageBytes)
	if r.instance != nil {
		a.cached(r.instance.events)
	}
	a.finish()
	state := r.cmd.ProcessState
	code := state.ExitCode()
	d.Summary.ExitCode = &code
	if used, known := sys.FaultsOf(state); known {
		used = used.Sub(before)
		d.Summary.Faults.RusageMinor, d.Summary.Faults.RusageMajor = used.MinorFaults, used.MajorFaults
		d.Summary.Faults.Unseen = d.Summary.Faults.unseen()
	}
	if read, written, known := sys.BlockIO(state); known {
		d.Summary.Pages = &Totals{DeviceReadBytes: &read, DeviceWriteBytes: &written}
	}
	for i := range d.Files {
		if st, err := os.Stat(d.Files[i].Path); err == nil {
			d.Files[i].SizeBytes = st.Size()
		}
	}
}

// cached adds what the program's tasks brought into the page cache, of files that
// it maps and of others that it only reads.
func (a *attribution) cached(points []tracepoint) {
	byDevice := map[uint32]map[uint64]int{}
	for i, f := range a.doc.Files {
		if f.Role != RoleMapped {
			continue
		}
		device := kernelDevice(f.Major, f.Minor)
		if byDevice[device] == nil {
			byDevice[device] = map[uint64]int{}
		}
		byDevice[device][f.Inode] = i
		a.about[i].ReadBytes = new(int64)
	}
	for i := range points {
		p := &points[i]
		if p.Format.Name != "mm_filemap_add_to_page_cache" {
			continue
		}
		file, known := byDevice[uint32(p.number("s_dev"))][p.number("i_ino")]
		if !known {
			continue
		}
		pages := int64(1) << min(p.number("order"), 30)
		a.about[file].added += pages
		*a.about[file].ReadBytes += pages * a.page
	}
}

// faultsSoFar reads what the child had before it became the program: fields 10 and
// 12 of /proc/PID/stat.
func faultsSoFar(proc string, pid int) sys.Usage {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return sys.Usage{}
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const minor, major = 10 - 3, 12 - 3
	if len(fields) <= major {
		return sys.Usage{}
	}
	var u sys.Usage
	u.MinorFaults, _ = strconv.ParseInt(fields[minor], 10, 64)
	u.MajorFaults, _ = strconv.ParseInt(fields[major], 10, 64)
	return u
}

// onlineProcessors reads /sys/devices/system/cpu/online: "0-3,7".
func onlineProcessors(sysRoot string) []int {
	text, err := os.ReadFile(filepath.Join(sysRoot, "devices/system/cpu/online"))
	if err != nil {
		return []int{0}
	}
	return parseProcessors(strings.TrimSpace(string(text)))
}

func parseProcessors(list string) []int {
	const most = 1 << 13
	var found []int
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		last := first
		if isRange && err == nil {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 0 || last >= most {
			continue
		}
		for cpu := first; cpu <= last; cpu++ {
			found = append(found, cpu)
		}
	}
	return found
}
