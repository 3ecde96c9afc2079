package comparison

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// What outofmemory, scan, mixed and zipf have in common: a file that is larger
// than the memory it is accessed with.
//
// Each contender runs in a process of its own, in a memory cgroup of memoryBytes.
// The pager has pagedBudget of that, the kernel's page cache all that the process
// leaves it, which is more. So the cgroup also proves that the pager keeps to its
// budget: it would be killed.
//
// Those that go through the page cache have a file each, of the same contents, so
// that none finds in memory what another has read. Before the first run the file
// is evicted, and the memory is filled, by the same accesses that are measured, by
// 64 goroutines; then each run goes on where the last has ended. Only those that
// read ahead far too much, and so fill their memory at once, share the file, which
// is evicted, mapped, and filled from before each of their runs.
const (
	pagedBits   = 18 // pages of the file: 1 GiB
	pagedBudget = 128 << 20
	memoryBytes = pagedBudget + 24<<20
	fillers     = 64
	fillTime    = 10 * time.Second // at most
)

// workload is which pages are accessed.
type workload struct {
	draw       func(r *rand.Rand) int64 // the next page; nil: the one after the last
	readShare  float64                  // 0: all
	goroutines int
	pages      int // that an access covers; 0: 1
}

// paged is a contender at work.
type paged struct {
	workload
	library *contender.Library
	mapping *contender.Mapping
	limit   *memoryLimit
	path    string
	again   bool // evict, open and fill before each run
	random  *rand.Rand
	next    int64 // of a workload in order

	accesses []access
	buffers  [][]byte
	last     []int64 // the page that each goroutine has read last; -1: none yet
	tail     int     // bytes at the end of a page that the library does not keep
}

type access struct {
	page    int64
	isWrite bool
}

func pagedIn(dir string) string { return filepath.Join(dir, "pages") }

func preparePaged(dir string) error {
	removeStaleLimits()
	return makeFile(pagedIn(dir), readBytes<<pagedBits, pattern(0))
}

// newPaged opens the library's file in a cgroup, and fills the memory.
func newPaged(l *contender.Library, dir string, w workload, isSlow bool) (t *harness.Task, err error) {
	p := &paged{workload: w, library: l, path: pagedIn(dir), random: rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))}
	p.again = isSlow && w.readShare == 0
	if l.Role != harness.Ours && l != &contender.Bbolt && !p.again {
		p.path += "-of-" + strings.ReplaceAll(l.Name, "/", "-")
		if err := makeFile(p.path, readBytes<<pagedBits, pattern(0)); err != nil {
			return nil, err
		}
	}
	if l == &contender.Bbolt {
		p.tail = readBytes - contender.BboltValueBytes
		if err := p.open(); err != nil { // makes the database, without a limit
			return nil, err
		}
		if err := errors.Join(p.close(), evict(p.path+".bbolt")); err != nil {
			return nil, err
		}
	}
	if p.limit, err = limitMemory(memoryBytes); err != nil {
		return nil, err
	}
	if !p.again {
		if err := p.begin(); err != nil {
			return nil, errors.Join(err, p.end())
		}
	}
	return &harness.Task{Before: p.before, Run: p.run, Check: p.check, Close: p.end}, nil
}

// begin opens the file while none of it is in memory, and fills the memory.
func (p *paged) begin() error {
	if err := evict(p.path); err != nil {
		return err
	}
	return errors.Join(p.open(), p.fill())
}

func (p *paged) open() (err error) {
	open := p.library.Read
	if p.readShare > 0 {
		open = p.library.Write
	}
	p.mapping, err = open(p.path)
	return err
}

func (p *paged) close() error {
	m := p.mapping
	p.mapping = nil
	if m == nil {
		return nil
	}
	return m.Close()
}

func (p *paged) end() error { return errors.Join(p.close(), p.limit.leave()) }

// fill accesses so many pages that all of the memory has been used.
func (p *paged) fill() error {
	goroutines := p.goroutines
	if p.draw != nil {
		p.goroutines = fillers
	}
	defer func() { p.goroutines = goroutines }()
	step, wanted := fillers*16, pagedBudget/readBytes/p.width()*5/4
	if p.again {
		step, wanted = fillers, fillers
	}
	begin := time.Now()
	for done := 0; done < wanted && time.Since(begin) < fillTime; done += step {
		p.choose(step)
		if err := p.run(step); err != nil {
			return err
		}
	}
	return nil
}

func (p *paged) width() int { return max(p.pages, 1) }

func (p *paged) before(n int) error {
	if p.again {
		if err := errors.Join(p.close(), p.begin()); err != nil {
			return err
		}
	}
	p.choose(n)
	return nil
}

// choose draws the accesses of a run.
func (p *paged) choose(n int) {
	p.accesses = p.accesses[:0]
	for range n {
		a := access{page: p.next}
		if p.draw != nil {
			a = access{p.draw(p.random), p.readShare > 0 && p.random.Float64() >= p.readShare}
		} else if p.next += int64(p.width()); p.next >= 1<<pagedBits {
			p.next = 0
		}
		p.accesses = append(p.accesses, a)
	}
	for len(p.buffers) < p.goroutines {
		p.buffers = append(p.buffers, make([]byte, readBytes*p.width()))
		p.last = append(p.last, -1)
	}
}

// run shares n accesses out among the goroutines.
func (p *paged) run(n int) error {
	errs := make([]error, p.goroutines)
	var all sync.WaitGroup
	for g := range p.goroutines {
		all.Go(func() { errs[g] = p.work(g, p.accesses[n*g/p.goroutines:n*(g+1)/p.goroutines]) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (p *paged) work(g int, accesses []access) error {
	buffer := p.buffers[g]
	written := make([]byte, readBytes)
	for _, a := range accesses {
		off := a.page * readBytes
		if a.isWrite {
			pattern(0)(written, off)
			if err := p.write(written, off); err != nil {
				return err
			}
			continue
		}
		if err := p.read(buffer, off); err != nil {
			return err
		}
		if words := viewOf[uint64](buffer[:readBytes-p.tail]); !isPageOf(words, a.page) {
			return checkPattern(buffer[:readBytes-p.tail], 0, off)
		}
		p.last[g] = a.page
	}
	return nil
}

func (p *paged) read(b []byte, off int64) error {
	if p.mapping.ReadAt == nil {
		copy(b, p.mapping.Bytes[off:])
		return nil
	}
	_, err := p.mapping.ReadAt(b, off)
	return err
}

func (p *paged) write(b []byte, off int64) error {
	if p.mapping.WriteAt == nil {
		copy(p.mapping.Bytes[off:], b)
		return nil
	}
	_, err := p.mapping.WriteAt(b, off)
	return err
}

// isPageOf looks at the first and the last word of what there is of a page.
func isPageOf(words []uint64, page int64) bool {
	first, last := uint64(page)*(readBytes/8), len(words)-1
	if len(words) > readBytes/8 {
		last = readBytes/8 - 1
	}
	return words[0] == patternAt(0, first) && words[last] == patternAt(0, first+uint64(last))
}

// check looks at all of what each goroutine has read last.
func (p *paged) check(int) error {
	for g := range p.goroutines {
		if g >= len(p.last) || p.last[g] < 0 {
			continue
		}
		if err := checkPattern(p.buffers[g][:len(p.buffers[g])-p.tail], 0, p.last[g]*readBytes); err != nil {
			return err
		}
	}
	if p.again {
		return p.close() // a page that is mapped is not evicted
	}
	return nil
}

// drawUniform chooses any page as often as any other.
func drawUniform(r *rand.Rand) int64 { return r.Int64N(1 << pagedBits) }

// pagedContenders makes a case's contenders of libraries. Those in slow get as
// many operations as they can do in a reasonable time.
func pagedContenders(libraries []*contender.Library, w workload, slow map[*contender.Library]int) []harness.Contender {
	var contenders []harness.Contender
	for _, l := range libraries {
		contenders = append(contenders, harness.Contender{
			Name: l.Name, Role: l.Role, Isolated: true, Ops: slow[l],
			New: func(dir string) (*harness.Task, error) { return newPaged(l, dir, w, slow[l] > 0) },
		})
	}
	return contenders
}

// fioContender is the device's limit for a case.
func fioContender(j fioJob) harness.Contender {
	return harness.Contender{
		Name: fmt.Sprintf("fio, depth %d", j.depth), Role: harness.Limit, Ops: 1,
		New: func(dir string) (*harness.Task, error) {
			j.path = pagedIn(dir)
			return j.newTask()
		},
	}
}

var pagerContender = contender.Pager("pager", pagedBudget, "")
