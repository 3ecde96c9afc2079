package observe

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// aroundBytes is how far a fault can install translations: the range of one page
// table (a PMD entry) with 4 KiB pages.
const aroundBytes = 2 << 20

// child is the process that makes the access: one thread, and everything that it
// needs made beforehand, so that the only faults are those asked for.
type child struct {
	thread  int
	job     *job
	files   []sys.File
	sizes   []int64
	pagemap *os.File
	frames  *frameTables // nil where they are not looked at
	sources frameFiles
	clock   clock
	results []stepResult

	region sys.Region
	file   int
	known  []bool // of each page of the region: its translation was seen
	buffer []byte
	window []uint64
	arena  []pages // of what touches installed
	sum    byte
}

// clock tells CLOCK_MONOTONIC without a system call.
type clock struct {
	at    int64
	began time.Time
}

// newClock compares the two clocks again and again and keeps the closest pair.
func newClock() (clock, error) {
	var best clock
	closest := time.Duration(math.MaxInt64)
	for range 64 {
		before := time.Now()
		at, err := sys.MonotonicNow()
		if err != nil {
			return clock{}, err
		}
		if took := time.Since(before); took < closest {
			closest, best = took, clock{at, before.Add(took / 2)}
		}
	}
	return best, nil
}

func (c clock) now() int64 { return c.at + int64(time.Since(c.began)) }

// prepare opens and allocates everything. The calling goroutine keeps its thread.
func prepare(j *job) (*child, error) {
	runtime.LockOSThread()
	debug.SetGCPercent(-1) // nothing else may run in the meantime
	c := &child{thread: sys.ThreadID(), job: j}
	if j.Exec != nil {
		return c, nil
	}
	var err error
	if c.clock, err = newClock(); err != nil {
		return nil, err
	}
	if c.pagemap, err = os.Open(filepath.Join(j.Proc, "self/pagemap")); err != nil {
		c.pagemap = nil // it is looked at only where there is one
	}
	if j.Frames && c.pagemap != nil {
		c.frames, c.sources = openFrameTables(j.Proc)
	}
	for _, f := range j.Files {
		var flag sys.OpenFlag
		if f.Write {
			flag = sys.Write
		}
		file, err := sys.OpenFile(string(f.Path), flag, 0)
		if err != nil {
			c.close()
			return nil, err
		}
		c.files = append(c.files, file)
		st, err := file.Stat()
		if err != nil {
			c.close()
			return nil, err
		}
		c.sizes = append(c.sizes, st.Size)
	}
	c.allocate()
	return c, nil
}

// allocate makes room for what will be found, and touches it.
func (c *child) allocate() {
	c.results = make([]stepResult, len(c.job.Steps))
	for i, s := range c.job.Steps {
		c.results[i].Touches = make([]touch, len(s.Offsets))
		for j := range c.results[i].Touches {
			c.results[i].Touches[j].S = 1
		}
	}
	var longest int64
	for _, size := range c.sizes {
		longest = max(longest, size)
	}
	most := min(longest/int64(sys.PageSize)+1, c.job.SnapshotPages)
	c.known = make([]bool, most)
	c.buffer = make([]byte, max(int(most), aroundBytes/sys.PageSize)*entryBytes)
	c.window = make([]uint64, 0, cap(c.buffer)/entryBytes)
	for i := range c.buffer {
		c.buffer[i] = 1
	}
	for i := range c.window[:cap(c.window)] {
		c.window[:cap(c.window)][i] = 1
	}
	for i := range c.known {
		c.known[i] = true
	}
	touches := 0
	for _, s := range c.job.Steps {
		touches += len(s.Offsets)
	}
	c.arena = make([]pages, min(touches*4+64, 1<<20))
	for i := range c.arena {
		c.arena[i].First = 1
	}
	c.arena = c.arena[:0]
}

func (c *child) close() {
	if c.region.Len() > 0 {
		_ = c.region.Release()
		c.region = sys.Region{}
	}
	for _, f := range c.files {
		_ = f.Close()
	}
	if c.pagemap != nil {
		_ = c.pagemap.Close()
	}
	if c.frames != nil {
		c.frames.close()
	}
}

func (c *child) become(j *job) error {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, childEnv+"=") })
	argv := make([]string, len(j.Exec))
	for i, word := range j.Exec {
		argv[i] = string(word)
	}
	return sys.Exec(string(j.ExecPath), argv, env)
}

// perform carries out the steps, one after the other.
func (c *child) perform() answer {
	for i := range c.job.Steps {
		s, r := &c.job.Steps[i], &c.results[i]
		usage, err := sys.ReadUsage(true)
		r.Start = c.clock.now()
		if err == nil {
			err = c.step(s, r)
		}
		r.End = c.clock.now()
		if err != nil {
			return c.problem(s, err)
		}
		after, err := sys.ReadUsage(true)
		if err != nil {
			return c.problem(s, err)
		}
		used := after.Sub(usage)
		r.Minor, r.Major = used.MinorFaults, used.MajorFaults
		if s.Op != opUnmap && s.Op != opAdvise {
			c.snapshot(r)
		}
	}
	return answer{Results: c.results, Frames: c.sources}
}

func (c *child) problem(s *step, err error) answer {
	a := answer{Problem: fmt.Sprintf("%s: %v", s.Op, err)}
	var bad *badTouch
	if errors.As(err, &bad) {
		a.At = bad.offset
		st, statErr := c.files[s.File].Stat()
		a.Shrunk = statErr == nil && bad.offset >= st.Size
	}
	return a
}

func (c *child) step(s *step, r *stepResult) error {
	switch s.Op {
	case opMap:
		return c.mapFile(s, r)
	case opAdvise:
		return c.region.Advise(adviceOf(s.Advice), 0, c.region.Len())
	case opTouch:
		return c.touch(s, r)
	case opSync:
		return c.region.Sync(c.files[c.file], 0, c.region.Len())
	case opUnmap:
		err := c.region.Release()
		c.region = sys.Region{}
		return err
	}
	return fmt.Errorf("no such operation: %q", s.Op)
}

func (c *child) mapFile(s *step, r *stepResult) error {
	size := c.sizes[s.File]
	if size > math.MaxInt-int64(sys.PageSize) {
		return errors.New("the file is too large for this address space")
	}
	prot, sharing := sys.ProtRead, sys.Shared
	if s.Write {
		prot |= sys.ProtWrite
	}
	if s.Private {
		sharing = sys.Private
	}
	region, err := sys.MapFile(c.files[s.File], 0, int(size), prot, sharing)
	if err != nil {
		return err
	}
	c.region, c.file = region, s.File
	r.Base, r.Length = uint64(region.Addr()), int64(region.Len())
	clear(c.known)
	return nil
}

func adviceOf(name string) sys.Advice {
	switch name {
	case "random":
		return sys.Random
	case "sequential":
		return sys.Sequential
	case "willneed":
		return sys.WillNeed
	case "populate-read":
		return sys.PopulateRead
	}
	return sys.Normal
}

// badTouch is a load or store that the kernel answered with SIGBUS.
type badTouch struct {
	offset int64
	err    error
}

func (b *badTouch) Error() string { return fmt.Sprintf("touching the byte at %d: %v", b.offset, b.err) }
func (b *badTouch) Unwrap() error { return b.err }

// touch loads from, or stores to, every offset in turn. Between two of them it
// looks at what became of the page, which is not in its time.
func (c *child) touch(s *step, r *stepResult) (err error) {
	at := 0
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			fault, isError := p.(error)
			if !isError {
				panic(p)
			}
			err = &badTouch{s.Offsets[at], fault}
		}
	}()
	for i, off := range s.Offsets {
		at = i
		t := &r.Touches[i]
		t.Before = c.entry(off)
		usage, _ := sys.ReadUsage(true)
		t.S = c.clock.now()
		if s.Write {
			c.region.TouchStore(int(off))
		} else {
			c.sum += c.region.TouchLoad(int(off))
		}
		t.E = c.clock.now()
		after, _ := sys.ReadUsage(true)
		used := after.Sub(usage)
		t.Minor, t.Major, t.Slept = used.MinorFaults, used.MajorFaults, used.VoluntarySwitches
		t.A = c.entry(off)
		if t.Minor+t.Major > 0 {
			t.Installed = c.installed(off)
		}
	}
	return nil
}

// entry returns the page's entry in pagemap, 0 where there is none to look at.
func (c *child) entry(off int64) uint64 {
	if c.pagemap == nil {
		return 0
	}
	address := int64(c.region.Addr()) + off
	n, err := c.pagemap.ReadAt(c.buffer[:entryBytes], address/int64(sys.PageSize)*entryBytes)
	if err != nil || n < entryBytes {
		return 0
	}
	return parsePagemap(c.buffer[:n], c.window[:0])[0]
}

// installed returns which translations around off are new since it was last
// looked at, and forgets those that are gone.
func (c *child) installed(off int64) []pages {
	if c.pagemap == nil {
		return nil
	}
	page := int64(sys.PageSize)
	base := int64(c.region.Addr())
	first := max((base+off)/aroundBytes*aroundBytes, base)
	beyond := min((base+off)/aroundBytes*aroundBytes+aroundBytes, base+int64(c.region.Len()))
	n, err := c.pagemap.ReadAt(c.buffer[:(beyond-first)/page*entryBytes], first/page*entryBytes)
	if err != nil {
		return nil
	}
	begin := len(c.arena) // usually there is room, so that nothing is allocated here
	for i, e := range parsePagemap(c.buffer[:n], c.window[:0]) {
		at := (first-base)/page + int64(i)
		if at >= int64(len(c.known)) {
			break
		}
		present := e&entryPresent != 0
		if present && !c.known[at] {
			if last := len(c.arena) - 1; last >= begin && c.arena[last].Beyond == at {
				c.arena[last].Beyond++
			} else {
				c.arena = append(c.arena, pages{at, at + 1})
			}
		}
		c.known[at] = present
	}
	return c.arena[begin:len(c.arena):len(c.arena)]
}

// snapshot looks at every page of the region, and of its file in the page cache.
func (c *child) snapshot(r *stepResult) {
	page := int64(sys.PageSize)
	n := min(int64(c.region.Len())/page, c.job.SnapshotPages)
	r.Cut = n < int64(c.region.Len())/page
	r.SnapshotAt = c.clock.now()
	states := make([]pageState, n)
	r.Counts = &Counts{}
	if c.pagemap != nil {
		got, err := c.pagemap.ReadAt(c.buffer[:n*entryBytes], int64(c.region.Addr())/page*entryBytes)
		if err == nil {
			entries := parsePagemap(c.buffer[:got], c.window[:0])
			for i, e := range entries {
				states[i] = entryState(e)
				c.known[i] = e&entryPresent != 0
			}
			r.Counts.Frames = c.lookAtFrames(entries)
		}
	}
	c.cache(states, r.Counts)
	for _, s := range states {
		r.Counts.Mapped += int64(s & stateMapped)
		r.Counts.Anonymous += int64(s & stateAnonymous / stateAnonymous)
		r.Counts.Swapped += int64(s & stateSwapped / stateSwapped)
	}
	r.Pages = runsOf(states)
}

// lookAtFrames counts the pages by their frames. Once that is refused, it is not
// asked again.
func (c *child) lookAtFrames(entries []uint64) *Frames {
	if c.frames == nil {
		return nil
	}
	found, err := c.frames.look(entries, c.buffer)
	if err != nil {
		c.sources.Sources = nil
		c.sources.Missing = append(c.sources.Missing, words.Of("what the frames tell: %v", cause(err)))
		c.frames.close()
		c.frames = nil
	}
	return found
}

// cache asks cachestat about each page, if it answers at all, and only there where
// it holds something.
func (c *child) cache(states []pageState, counts *Counts) {
	page := int64(sys.PageSize)
	f := c.files[c.file]
	if f.PageCacheSource().By != sys.ByCachestat {
		return
	}
	total, err := f.CacheCounts(0, 0)
	if err != nil {
		return
	}
	cached, dirty, writeback := int64(total.Cached), int64(total.Dirty), int64(total.Writeback)
	counts.Cached, counts.Dirty, counts.Writeback = &cached, &dirty, &writeback
	c.bisect(f, states, 0, int64(len(states)), page)
}

func (c *child) bisect(f sys.File, states []pageState, first, beyond, page int64) {
	if first >= beyond {
		return
	}
	counts, err := f.CacheCounts(first*page, (beyond-first)*page)
	n := uint64(beyond - first)
	if err != nil || counts.Cached+counts.Writeback == 0 {
		return
	}
	uniform := counts.Cached >= n && (counts.Dirty == 0 || counts.Dirty >= n) && (counts.Writeback == 0 || counts.Writeback >= n)
	if n > 1 && !uniform {
		middle := first + int64(n/2)
		c.bisect(f, states, first, middle, page)
		c.bisect(f, states, middle, beyond, page)
		return
	}
	state := stateCached
	if counts.Dirty > 0 {
		state |= stateDirty
	}
	if counts.Writeback > 0 {
		state |= stateWriteback
	}
	for i := first; i < beyond; i++ {
		states[i] |= state
	}
}

// keepFromExec closes the tracer's pipes for the program that this one becomes,
// by which the tracer learns that it did.
func keepFromExec(files ...*os.File) {
	for _, f := range files {
		sys.CloseOnExec(f)
	}
}
