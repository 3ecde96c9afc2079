package observe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// snapshotPages is how many pages of a file are looked at between steps.
const snapshotPages = 1 << 15

// beforeAccess is called when everything is ready. Tests change the world there.
var beforeAccess = func() {}

// Trace maps a file, touches it, and tells every step. The file's bytes are never
// changed; where its stores would change its modification time they go to a file
// of its own beside it, unless InPlace asks otherwise. When ctx ends, so does the
// trace, and everything it made is taken down. Where only that fails, there is a
// document with the error.
func Trace(ctx context.Context, o Options) (*Document, error) {
	fail := func(err error) (*Document, error) {
		var already *Error
		if errors.As(err, &already) || err == nil {
			return nil, err
		}
		return nil, &Error{Op: "trace", Path: o.Path, Err: err}
	}
	if err := o.complete(); err != nil {
		return fail(err)
	}
	file, err := examine(o.Path)
	if err != nil {
		return fail(err)
	}
	// The child is to die with this thread, so the thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t := newTracing(&o, file)
	doc, err := t.run(ctx)
	endErr := t.end()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fail(err)
	}
	if endErr != nil {
		_, err = fail(notUndone(endErr))
	}
	doc.keepBytes()
	return doc, err
}

// notUndone is no reason to withhold the trace.
func notUndone(err error) error {
	return fmt.Errorf("not everything could be undone: %w", err)
}

// examine looks whether a file can be traced, before anything is made.
func examine(path string) (File, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return File{}, fmt.Errorf("there is no such file: %w", fs.ErrNotExist)
	case err != nil:
		return File{}, err
	case st.IsDir():
		return File{}, fmt.Errorf("is a directory: %w", ErrNotRegular)
	case st.Mode()&fs.ModeNamedPipe != 0:
		return File{}, fmt.Errorf("is a named pipe: %w", ErrNotRegular)
	case !st.Mode().IsRegular():
		return File{}, fmt.Errorf("is a device or socket: %w", ErrNotRegular)
	case st.Size() == 0:
		return File{}, ErrEmpty
	}
	f, err := os.Open(path)
	if err != nil {
		return File{}, cause(err)
	}
	_ = f.Close()
	absolute, err := filepath.Abs(path)
	if err != nil {
		return File{}, err
	}
	file := File{Path: absolute, SizeBytes: st.Size(), Role: RoleFile}
	file.Major, file.Minor, file.Inode, _ = sys.InodeOf(st)
	return file, nil
}

// cause strips the path that the caller says again.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// tracing is a session that traces files.
type tracing struct {
	session
	o     *Options
	files []File
	job   job
	group string // directory of the control group, "" for none
}

func newTracing(o *Options, file File) *tracing {
	undo.CleanUp()
	t := &tracing{o: o, files: []File{file}}
	t.session = session{tier: o.Tier, proc: o.Proc, sys: o.Sys}
	t.doc = &Document{
		Schema: Schema, Missing: []string{}, Sources: []string{},
		Settings: Settings{
			Pattern: o.Pattern, Advice: o.Advice, Cold: o.Cold,
			Private: o.Private, MemoryLimitBytes: o.MemoryLimit,
		},
	}
	return t
}

func (t *tracing) run(ctx context.Context) (*Document, error) {
	if err := t.plan(ctx); err != nil {
		return nil, err
	}
	err := t.startChild(ctx, &t.job, func(c *exec.Cmd) {
		sys.DieWithParent(c)
		sys.OwnGroup(c) // a terminal's signals are for this process, which ends the child
	})
	if err != nil {
		return nil, t.lastProblem(err)
	}
	if t.group != "" {
		if err := os.WriteFile(filepath.Join(t.group, "cgroup.procs"), []byte(strconv.Itoa(t.cmd.Process.Pid)), 0); err != nil {
			return nil, err
		}
	}
	t.openPerf([]int{t.thread}, sys.PerfOptions{Kernel: os.Geteuid() == 0}, nil)
	t.openTracefs(func(in *instance) error {
		missing, err := in.enable(tracepointsOn, filterFor{thread: t.thread, files: t.files, disks: t.disks()})
		if len(missing) > 0 {
			t.miss("this kernel has no %s", strings.Join(missing, ", "))
		}
		return err
	})
	t.doc.Tier = t.tierReached()
	if err := t.listen(); err != nil {
		return nil, err
	}
	beforeAccess()
	if err := t.letGo(); err != nil {
		return nil, err
	}
	var a answer
	if err := t.hear(&a); err != nil {
		if t.group != "" {
			return nil, t.endedInGroup(err)
		}
		return nil, err
	}
	if err := t.hush(); err != nil {
		return nil, err
	}
	if a.Problem != "" {
		return nil, t.problem(&a)
	}
	t.complete(&a)
	return t.doc, nil
}

// lastProblem makes sense of a child that did not get ready.
func (t *tracing) lastProblem(err error) error {
	if _, again := examine(t.o.Path); again != nil {
		return again
	}
	return err
}

func (t *tracing) problem(a *answer) error {
	if a.Shrunk {
		return &Error{Op: "trace", Path: t.o.Path, Offset: a.At, Length: int64(sys.PageSize), Err: ErrShrunk}
	}
	return errors.New(a.Problem)
}

// complete makes the document of what was heard.
func (t *tracing) complete(a *answer) {
	t.describe()
	t.describeFrames(&a.Frames)
	r := &recording{
		job: &t.job, answer: a, files: t.files, thread: t.thread, page: int64(sys.PageSize),
		perf: t.records, byPerf: len(t.rings) > 0, byPoints: t.instance != nil,
	}
	if t.instance != nil {
		r.points = t.instance.events
		for i := range t.files {
			r.places = append(r.places, t.places(i))
		}
	}
	t.doc.Files = t.files
	r.build(t.doc)
}

func (t *tracing) describe() {
	m := &t.doc.Machine
	m.Kernel, m.PageBytes = sys.KernelRelease(), int64(sys.PageSize)
	t.has("pagemap")
	f, err := sys.OpenFile(t.files[0].Path, 0, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if source := f.PageCacheSource(); source.By != sys.ByCachestat {
		t.miss("which pages are cached and dirty: %v", source.Why)
	} else {
		t.has("cachestat")
	}
	m.FileSystem, m.ReadAheadBytes = readAheadOf(f, t.sys)
}

// readAheadOf is the file system and how far it reads ahead, nil if it does not tell.
func readAheadOf(f sys.File, root string) (fileSystem string, most *int64) {
	system, err := f.FileSystem()
	if err != nil {
		return "", nil
	}
	kb, err := system.ReadAheadKB(root)
	if err != nil {
		return system.Name, nil
	}
	bytes := kb << 10
	return system.Name, &bytes
}

// mayFrames tells whether the tables of frames may be used: they are of the best tier.
func (t *tracing) mayFrames() bool {
	return os.Geteuid() == 0 && (t.tier == "" || t.tier == TierRoot)
}

func (t *tracing) describeFrames(files *frameFiles) {
	what := words.Of("folios, and whether others map the pages")
	t.doc.Sources = append(t.doc.Sources, files.Sources...)
	for _, m := range files.Missing {
		t.lacks(m)
	}
	switch {
	case os.Geteuid() != 0:
		t.miss("frame numbers, %s: pagemap and kpageflags tell root only", what)
	case !t.mayFrames():
		t.miss("%s: not asked for (--tier)", what)
	}
}

// plan decides on the steps and makes what they need.
func (t *tracing) plan(ctx context.Context) error {
	o, page := t.o, int64(sys.PageSize)
	touches := o.Touches
	if touches == 0 {
		touches = DefaultTouches
		if o.MemoryLimit > 0 {
			touches = int(min(o.MemoryLimit/page*3/2, MaxTouches))
		}
	}
	offsets := o.Pattern.offsets(t.files[0].SizeBytes, int(page), touches, o.Seed)
	t.doc.Settings.Touches = len(offsets)
	if o.MemoryLimit > 0 {
		if err := t.limit(int64(len(offsets)) * page); err != nil {
			return err
		}
		t.readLittle()
	}
	if o.Cold {
		if err := t.evict(0); err != nil {
			return err
		}
	}
	t.job = job{SnapshotPages: snapshotPages, Proc: "/proc", Frames: t.mayFrames()}
	write := !o.NoWrite
	t.job.Files = []jobFile{{Path: []byte(t.files[0].Path), Write: o.InPlace}}
	add := func(s step) { t.job.Steps = append(t.job.Steps, s) }
	add(step{Op: opMap, Phase: "map", Private: o.Private, Write: o.InPlace || o.Private})
	if o.Advice != "" {
		add(step{Op: opAdvise, Phase: "map", Advice: o.Advice})
	}
	add(step{Op: opTouch, Phase: "read", Offsets: offsets})
	switch {
	case o.Private:
		add(step{Op: opTouch, Phase: "store privately", Write: true, Offsets: offsets})
		if o.MemoryLimit > 0 {
			add(step{Op: opTouch, Phase: "read again", Offsets: offsets})
		}
	case o.InPlace:
		t.storeSteps(0, offsets)
	}
	add(step{Op: opUnmap, Phase: "unmap"})
	if write && !o.Private && !o.InPlace {
		if err := t.scratch(ctx, offsets); err != nil {
			t.miss("the write part: %v; --dir names another directory, --no-write leaves it out, --write stores to FILE itself", err)
			return nil
		}
		add(step{Op: opMap, Phase: "map to write", File: 1, Write: true})
		t.storeSteps(1, offsets)
		add(step{Op: opUnmap, Phase: "unmap", File: 1})
	}
	return nil
}

// storeSteps store, sync, and store again, which meets the write-protection that
// the sync has put back.
func (t *tracing) storeSteps(file int, offsets []int64) {
	t.job.Steps = append(t.job.Steps,
		step{Op: opTouch, Phase: "write", File: file, Write: true, Offsets: offsets},
		step{Op: opSync, Phase: "sync", File: file},
		step{Op: opTouch, Phase: "write again", File: file, Write: true, Offsets: offsets})
}

// evict has a file leave memory. What stays is in use or under writeback.
func (t *tracing) evict(i int) error {
	f, err := sys.OpenFile(t.files[i].Path, 0, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Clean(); err != nil { // dirty pages stay otherwise
		return err
	}
	if err := f.Evict(); err != nil {
		return err
	}
	if counts, err := f.CacheCounts(0, 0); err == nil && counts.Cached > 0 && i == 0 {
		t.miss("a cold start: %d pages stayed in memory, since someone maps or uses them", counts.Cached)
	}
	return nil
}

// scratch makes a file of FILE's size beside it, in which only the pages that will
// be touched have blocks. FILE itself is not read
// for it, so that it stays as cold as it was.
func (t *tracing) scratch(ctx context.Context, offsets []int64) error {
	dir := t.o.Dir
	if dir == "" {
		dir = filepath.Dir(t.files[0].Path)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	f, path, err := t.newFile(dir, ".filemap-trace-")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.fill(ctx, f, offsets); err != nil {
		return errors.Join(err, t.journal.Undo(undo.File, path))
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	file := File{Path: path, SizeBytes: st.Size(), Role: RoleCopy}
	file.Major, file.Minor, file.Inode, _ = sys.InodeOf(st)
	t.files = append(t.files, file)
	t.job.Files = append(t.job.Files, jobFile{Path: []byte(path), Write: true})
	return nil
}

// newFile makes a file that goes with this run.
func (s *session) newFile(dir, prefix string) (f *os.File, path string, err error) {
	path = undo.Name(dir, prefix)
	err = s.journal.Make(undo.File, path, func() error {
		f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		return err
	})
	return f, path, err
}

// fill gives the file its size, and the pages that will be touched their blocks.
func (t *tracing) fill(ctx context.Context, f *os.File, offsets []int64) error {
	if err := f.Truncate(t.files[0].SizeBytes); err != nil {
		return err
	}
	content := make([]byte, sys.PageSize)
	for i := range content {
		content[i] = byte(i)
	}
	for _, off := range offsets {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(int64(len(content)), t.files[0].SizeBytes-off)
		if _, err := f.WriteAt(content[:n], off); err != nil {
			return err
		}
	}
	return f.Sync() // in memory and clean: what follows is about stores alone
}
