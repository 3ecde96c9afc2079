package observe

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// session is a run: the child, what listens to it, and the journal of what must
// be undone.
type session struct {
	journal undo.Journal
	doc     *Document
	tier    string // the best that may be used
	proc    string
	sys     string

	cmd     *exec.Cmd
	stderr  bytes.Buffer
	to      io.WriteCloser // nil until the child is started
	from    *bufio.Reader
	answers io.Closer // what from reads
	thread  int

	rings         []*sys.PerfFaults // one of each processor
	outsideKernel bool              // faults of instructions in the kernel are not told
	sources       map[uint64]sys.PerfEvent
	threads       map[int]bool // that have events of their own
	take          func(perfRecord)
	drained       func(before uint64) // called when all of before is taken; nil for nothing
	previous      uint64              // when the last round of emptying began
	records       []perfRecord        // where take is nil
	instance      *instance
	lost          int64
	failed        error // of listening

	stop chan struct{}
	done sync.WaitGroup
}

// pollEvery is how often the kernel's buffers are emptied.
const pollEvery = 2 * time.Millisecond

// startChild starts this program as the child and hands it its job.
func (s *session) startChild(ctx context.Context, j *job, prepare func(*exec.Cmd)) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s.cmd = exec.CommandContext(ctx, self)
	s.cmd.Env = append(os.Environ(), childEnv+"=1")
	if j.Exec == nil { // the runtime's signals would interrupt faults
		s.cmd.Env = append(s.cmd.Env, "GODEBUG=asyncpreemptoff=1")
	}
	if j.Exec == nil {
		s.cmd.Stderr = &s.stderr
	}
	prepare(s.cmd)
	if err := s.connect(); err != nil {
		return err
	}
	if err := json.NewEncoder(s.to).Encode(j); err != nil {
		return s.childEnded(err)
	}
	var r ready
	if err := s.hear(&r); err != nil {
		return err
	}
	if r.Problem != "" {
		return errors.New(r.Problem)
	}
	s.thread = r.Thread
	return nil
}

// connect starts the child with a pipe each way: its descriptors 3 and 4, since
// the first three are the command's.
func (s *session) connect() error {
	hears, to, err := os.Pipe()
	if err != nil {
		return err
	}
	from, tells, err := os.Pipe()
	if err != nil {
		return errors.Join(err, hears.Close(), to.Close())
	}
	s.to, s.answers = to, from
	s.from = bufio.NewReaderSize(from, 1<<16)
	s.cmd.ExtraFiles = []*os.File{hears, tells}
	err = s.cmd.Start()
	return errors.Join(err, hears.Close(), tells.Close())
}

// hear reads the next answer of a child that is not to end before it.
func (s *session) hear(into any) error {
	line, err := s.from.ReadBytes('\n')
	if err != nil {
		return s.childEnded(err)
	}
	return json.Unmarshal(line, into)
}

// hearOrEnd is hear, but that the child's end of the pipe may be closed: io.EOF.
func (s *session) hearOrEnd(into any) error {
	line, err := s.from.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// childEnded says what the child said last. Its end is waited for, since only then
// all of that is here.
func (s *session) childEnded(err error) error {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	text := bytes.TrimSpace(s.stderr.Bytes())
	if len(text) > 300 {
		text = text[:300]
	}
	return fmt.Errorf("the process that makes the access ended (does main begin with observe.IsChild?): %w: %s", err, text)
}

// letGo lets the child begin.
func (s *session) letGo() error {
	_, err := io.WriteString(s.to, goAhead)
	return err
}

// miss notes something that the trace will not have.
func (s *session) miss(format string, args ...any) {
	s.lacks(words.Of(format, args...))
}

func (s *session) lacks(text event.Bilingue) {
	s.doc.Missing = append(s.doc.Missing, s.doc.say(event.Bilingue{
		English: strings.ReplaceAll(text.English, "\n", "; "), // of errors that were joined
		Chinese: strings.ReplaceAll(text.Chinese, "\n", "; "),
	}))
}

func (s *session) has(format string, args ...any) {
	s.doc.Sources = append(s.doc.Sources, s.doc.say(words.Of(format, args...)))
}

// openPerf listens to threads' faults, if it may. It may be called again, for more of
// them. A thread that has ended meanwhile is left out.
func (s *session) openPerf(threads []int, o sys.PerfOptions, cpus []int) {
	if s.tier == TierCounters {
		s.miss("%s: not asked for (--tier)", words.Of("fault addresses from perf"))
		return
	}
	if len(cpus) == 0 {
		cpus = []int{-1}
	}
	first := len(s.rings) == 0
	if first {
		s.sources, s.threads = map[uint64]sys.PerfEvent{}, map[int]bool{}
	}
	o.Kernel = o.Kernel && !s.outsideKernel
	for i, cpu := range cpus {
		o.CPU = cpu
		for _, o.Thread = range threads {
			err := s.openPerfOf(i, o)
			if first && o.Kernel && sys.PerfForbidden(err) {
				// The root of a container may be one without rights outside of it: it
				// is told what every user is.
				s.closePerf()
				s.outsideKernel = true
				s.openPerf(threads, o, cpus)
				return
			}
			if err == nil || sys.NoSuchProcess(err) {
				s.threads[o.Thread] = true
				continue
			}
			s.closePerf()
			s.lacks(perfReason(err))
			return
		}
	}
	for _, ring := range s.rings {
		for _, e := range ring.Events() {
			s.sources[e.ID] = e
		}
	}
	if first && len(s.rings) > 0 {
		s.has("perf page-fault events")
	}
}

// openPerfOf adds a thread to the i-th processor's buffer.
func (s *session) openPerfOf(i int, o sys.PerfOptions) error {
	if i < len(s.rings) {
		return s.rings[i].Add(o)
	}
	ring, err := openRing(o)
	if err == nil {
		s.rings = append(s.rings, ring)
	}
	return err
}

func perfReason(err error) event.Bilingue {
	if sys.PerfForbidden(err) {
		return words.Of("when each fault began and ended: %v; it needs the process's user with kernel.perf_event_paranoid at most 2, or root", err)
	}
	return words.Of("when each fault began and ended: %v", err)
}

// openRing takes the largest buffer that it may have.
func openRing(o sys.PerfOptions) (*sys.PerfFaults, error) {
	var err error
	for _, o.RingPages = range []int{2048, 128, 32, 8} {
		var ring *sys.PerfFaults
		if ring, err = sys.OpenPerfFaults(o); err == nil {
			return ring, nil
		}
		if !sys.PerfForbidden(err) && !sys.NoMemory(err) {
			return nil, err
		}
	}
	return nil, err
}

func (s *session) closePerf() {
	for _, r := range s.rings {
		r.Close()
	}
	s.rings = nil
}

// openTracefs makes an instance of our own, if it may.
func (s *session) openTracefs(prepare func(*instance) error) {
	kernelSide := words.Of("the page cache, readahead, the block device and reclaim")
	if s.tier != "" && s.tier != TierRoot {
		s.miss("%s: not asked for (--tier)", kernelSide)
		return
	}
	if os.Geteuid() != 0 {
		s.miss("%s: tracefs needs root (try sudo)", kernelSide)
		return
	}
	in, err := s.makeInstance()
	if err == nil {
		s.instance = in
		if err = prepare(in); err == nil {
			err = in.start()
		}
	}
	if err != nil {
		s.closeTracefs()
		s.miss("%s: %v", kernelSide, err)
		return
	}
	if len(in.ids) == 1 {
		s.has("one tracepoint in a tracefs instance of its own")
		return
	}
	s.has("%d tracepoints in a tracefs instance of its own", len(in.ids))
}

func (s *session) closeTracefs() {
	if s.instance != nil {
		s.instance.close()
		s.instance = nil
	}
}

// makeInstance mounts tracefs, unless it is, and makes an instance.
func (s *session) makeInstance() (*instance, error) {
	dir, err := s.tracefs()
	if err != nil {
		return nil, err
	}
	path := undo.Name(filepath.Join(dir, "instances"), "filemap-")
	if err := s.journal.Make(undo.Instance, path, func() error { return os.Mkdir(path, 0o700) }); err != nil {
		return nil, err
	}
	const bufferKB = 8 << 10
	return openInstance(path, bufferKB)
}

func (s *session) tracefs() (string, error) {
	mounts, err := readMounts(s.proc)
	if err != nil {
		return "", err
	}
	for _, m := range mounts {
		// Another run's own is not for us: it goes with that run.
		if m.Kind == "tracefs" && !strings.HasPrefix(filepath.Base(m.Dir), "filemap-tracefs-") {
			if st, err := os.Stat(filepath.Join(m.Dir, "instances")); err == nil && st.IsDir() {
				return m.Dir, nil
			}
		}
	}
	return s.mountTracefs()
}

// mountTracefs mounts it for this run, at the first place where a directory can be
// made.
func (s *session) mountTracefs() (string, error) {
	var errs error
	for _, parent := range []string{os.TempDir(), "/run", "/dev/shm"} {
		dir := undo.Name(parent, "filemap-tracefs-")
		if err := s.journal.Make(undo.Dir, dir, func() error { return os.Mkdir(dir, 0o700) }); err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		return dir, s.journal.Make(undo.Mount, dir, func() error { return sys.MountTracefs(dir) })
	}
	return "", errs
}

// listen empties the kernel's buffers until hush.
func (s *session) listen() error {
	for _, r := range s.rings {
		if err := r.Enable(); err != nil {
			return err
		}
	}
	s.follow()
	return nil
}

func (s *session) follow() {
	s.stop = make(chan struct{})
	s.done.Go(func() {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.drain()
			case <-s.stop:
				return
			}
		}
	})
}

func (s *session) drain() {
	began, err := sys.MonotonicNow()
	if err != nil {
		s.failed = err
		return
	}
	for _, r := range s.rings {
		r.Drain(s.record)
	}
	if s.instance != nil && s.failed == nil {
		s.failed = s.instance.drain()
	}
	if s.drained != nil {
		s.drained(s.previous)
	}
	s.previous = uint64(began)
}

func (s *session) record(raw []byte) {
	r, err := parsePerf(raw)
	if err != nil {
		s.failed = err
		return
	}
	s.lost += int64(r.Lost)
	source, known := s.sources[r.ID]
	if known && s.threads[int(r.TID)] && source.Thread != int(r.TID) {
		return // the thread was made by another that is listened to, and has events of its own too
	}
	r.Kind = kindUnknown
	if known {
		r.Kind = source.Kind
	}
	if s.take == nil {
		s.records = append(s.records, r)
		return
	}
	s.take(r)
}

// hushPerf lets the kernel record no more faults.
func (s *session) hushPerf() error {
	var errs error
	for _, r := range s.rings {
		errs = errors.Join(errs, r.Disable())
	}
	return errs
}

// hush ends listening and takes what is left in the buffers.
func (s *session) hush() error {
	_ = s.hushPerf()
	if s.stop != nil {
		close(s.stop)
		s.done.Wait()
		s.stop = nil
	}
	if s.instance != nil { // only now that nobody else drains it
		s.failed = errors.Join(s.failed, s.instance.stop())
	}
	s.drain()
	if s.drained != nil {
		s.drained(everything)
	}
	if s.instance != nil {
		s.lost += s.instance.countLost()
	}
	s.doc.LostEvents = s.lost
	if err := s.journal.Problem(); err != nil {
		s.miss("a record of what is to be undone, should this run be killed: %v", err)
	}
	return s.failed
}

// end stops everything and undoes what was done, whatever happened before.
func (s *session) end() error {
	if s.stop != nil {
		close(s.stop)
		s.done.Wait()
		s.stop = nil
	}
	if s.cmd != nil && s.cmd.Process != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	if s.to != nil {
		_ = s.to.Close()
		_ = s.answers.Close()
	}
	s.closePerf()
	s.closeTracefs()
	return s.journal.Close()
}

// tierReached says which tier ran.
func (s *session) tierReached() string {
	switch {
	case s.instance != nil:
		return TierRoot
	case len(s.rings) > 0:
		return TierUser
	}
	return TierCounters
}
