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
)

// session is a run: the child, what listens to it, and the journal of what must
// be undone.
type session struct {
	journal *journal
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

	rings    []*sys.PerfFaults
	kinds    map[uint64]int // of samples, by their ID
	records  []perfRecord
	instance *instance
	lost     int64
	failed   error // of listening

	stop chan struct{}
	done sync.WaitGroup
}

// mostRecords bounds the memory that a long run takes; more count as lost.
const mostRecords = 1 << 21

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
	s.doc.Missing = append(s.doc.Missing, fmt.Sprintf(format, args...))
}

func (s *session) has(format string, args ...any) {
	s.doc.Sources = append(s.doc.Sources, fmt.Sprintf(format, args...))
}

// openPerf listens to the child's faults, if it may.
func (s *session) openPerf(o sys.PerfOptions, cpus []int) {
	if s.tier == TierCounters {
		s.miss("fault addresses from perf: not asked for (--tier)")
		return
	}
	if len(cpus) == 0 {
		cpus = []int{-1}
	}
	s.kinds = map[uint64]int{}
	for _, cpu := range cpus {
		o.Thread, o.CPU = s.thread, cpu
		ring, err := openRing(o)
		if err != nil {
			s.closePerf()
			reason := err.Error()
			if sys.PerfForbidden(err) {
				reason += "; lower kernel.perf_event_paranoid to 2, or be root"
			}
			s.miss("when each fault began and ended: %s", reason)
			return
		}
		s.rings = append(s.rings, ring)
		for kind, id := range ring.IDs() {
			s.kinds[id] = kind
		}
	}
	s.has("perf page-fault events")
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
	const kernelSide = "the page cache, readahead, the block device and reclaim"
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
	word := "tracepoints"
	if len(in.ids) == 1 {
		word = "tracepoint"
	}
	s.has("%d %s in a tracefs instance of its own", len(in.ids), word)
}

func (s *session) closeTracefs() {
	if s.instance != nil {
		_ = s.instance.remove()
		s.instance = nil
	}
}

// makeInstance mounts tracefs, unless it is, and makes an instance.
func (s *session) makeInstance() (*instance, error) {
	dir, err := s.tracefs()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("filemap-%d", os.Getpid())
	if err := s.journal.intend(actInstance, filepath.Join(dir, "instances", name)); err != nil {
		return nil, err
	}
	const bufferKB = 8 << 10
	return openInstance(dir, name, bufferKB)
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
	dir, err := os.MkdirTemp("", "filemap-tracefs-")
	if err != nil {
		return "", err
	}
	if err := s.journal.intend(actMount, dir); err != nil {
		return "", err
	}
	return dir, sys.MountTracefs(dir)
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
	for _, r := range s.rings {
		r.Drain(s.record)
	}
	if s.instance != nil && s.failed == nil {
		s.failed = s.instance.drain()
	}
}

func (s *session) record(raw []byte) {
	r, err := parsePerf(raw)
	if err != nil {
		s.failed = err
		return
	}
	s.lost += int64(r.Lost)
	if len(s.records) >= mostRecords {
		s.lost++
		return
	}
	if kind, known := s.kinds[r.ID]; known {
		r.Kind = kind
	} else {
		r.Kind = kindUnknown
	}
	s.records = append(s.records, r)
}

// hush ends listening and takes what is left in the buffers.
func (s *session) hush() error {
	for _, r := range s.rings {
		_ = r.Disable()
	}
	if s.stop != nil {
		close(s.stop)
		s.done.Wait()
		s.stop = nil
	}
	if s.instance != nil { // only now that nobody else drains it
		s.failed = errors.Join(s.failed, s.instance.stop())
	}
	s.drain()
	if s.instance != nil {
		s.lost += s.instance.countLost()
	}
	s.doc.LostEvents = s.lost
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
	return s.journal.undo()
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
