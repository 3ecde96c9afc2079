package compare

import (
	"sync"
	"time"

	"github.com/filemap-go/filemap"
)

// job is what one run has to do, the same for every contender.
type job struct {
	path       string
	integers   int64 // of the file that take part
	pattern    Pattern
	blockInts  int64 // of a random pattern
	operations int64 // of a random pattern, of all shares together
	durable    bool
	shares     []*share
}

// share is the part of the file, and of the work, that one goroutine has.
// Shares do not overlap, so that no two goroutines change the same integer.
type share struct {
	first, count int64 // integers
	operations   int64 // of a random pattern
	walk         walk

	// What a run leaves here.
	sum       int64 // of every integer read, for patterns that read
	calls     int64 // system calls made for the run
	copied    int64 // bytes that these moved between kernel and process
	latencies latencies

	_ [64]byte // no cache line shared with the next goroutine's
}

// newJob divides the work among goroutines, which it reduces to one a block or
// integer where there are not enough of these.
func newJob(path string, integers int64, o *Options) *job {
	j := &job{path: path, integers: integers, pattern: o.Pattern, durable: o.Durable, blockInts: 1}
	if o.Pattern.random() {
		j.blockInts = o.BlockBytes / integerBytes
		j.operations = operationsWarm
		if o.State == Cold {
			j.operations = operationsCold
		}
	}
	blocks := integers / j.blockInts
	n := max(1, min(int64(o.Goroutines), blocks))
	j.operations = j.operations / n * n
	for i := range n {
		begin, end := blocks*i/n, blocks*(i+1)/n
		s := &share{first: begin * j.blockInts, count: (end - begin) * j.blockInts, operations: j.operations / n}
		if i == n-1 && !o.Pattern.random() {
			s.count = integers - s.first
		}
		s.latencies.every = latencyEvery
		if o.State == Cold {
			s.latencies.every = 1
		}
		j.shares = append(j.shares, s)
	}
	return j
}

// How many blocks a run of a random pattern touches: as many as the article has
// integers; fewer where each can cost a read of the device.
const (
	operationsWarm = 10_000
	operationsCold = 256
)

// each runs f for every share, each in a goroutine of its own when there are
// several, and returns the first error.
func (j *job) each(f func(*share) error) error {
	if len(j.shares) == 1 {
		return f(j.shares[0])
	}
	var wg sync.WaitGroup
	errs := make([]error, len(j.shares))
	for i, s := range j.shares {
		wg.Go(func() { errs[i] = f(s) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// prepare seeds the shares' walks and forgets what the last sample left.
func (j *job) prepare(seed uint64) {
	for i, s := range j.shares {
		s.walk = newWalk(seed+uint64(i), s.count/j.blockInts)
		s.sum, s.calls, s.copied = 0, 0, 0
	}
}

// bytesAsked is how many bytes of the file a run needs to read.
func (j *job) bytesAsked() int64 {
	if j.pattern.random() {
		return j.operations * j.blockInts * integerBytes
	}
	return j.integers * integerBytes
}

// process does the pattern's work on integers that are in memory, be it a buffer
// or the file's own pages.
func (j *job) process(s *share, integers []int32) {
	if j.pattern.writes() {
		addOne(integers)
		return
	}
	s.sum += sumOf(integers)
}

func addOne(integers []int32) {
	for i := range integers {
		integers[i]++
	}
}

func sumOf(integers []int32) int64 {
	var sum int64
	for _, v := range integers {
		sum += int64(v)
	}
	return sum
}

// walk is a sequence of blocks in random order that costs a nanosecond a step,
// and can be walked again to find out what a run must have done.
type walk struct {
	state, blocks uint64
}

func newWalk(seed uint64, blocks int64) walk {
	// The step's constants need a start that is far from other walks'.
	return walk{state: seed*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019, blocks: uint64(blocks)}
}

// next returns a block's number: Knuth's MMIX generator, the high half of which
// is scaled to the range. A share has fewer than 2^32 blocks or is walked in
// steps of several.
func (w *walk) next() int64 {
	w.state = w.state*6364136223846793005 + 1442695040888963407
	high := w.state >> 32
	if w.blocks <= 1<<32 {
		return int64(high * w.blocks >> 32)
	}
	w.state = w.state*6364136223846793005 + 1442695040888963407
	return int64((high<<32 | w.state>>32) % w.blocks)
}

// buffer is memory for a contender that copies: pages of their own, so that the
// garbage collector neither moves nor scans them, touched beforehand.
type buffer struct {
	memory   *filemap.Map
	bytes    []byte
	integers []int32
}

func newBuffer(integers int64) (*buffer, error) {
	m, err := filemap.Anonymous(integers * integerBytes)
	if err != nil {
		return nil, err
	}
	view, err := filemap.SliceOf[int32](m, 0, filemap.ToEnd)
	if err != nil {
		return nil, err
	}
	clear(view)
	return &buffer{m, m.Bytes(), view}, nil
}

// part returns the first n integers, as bytes and as integers.
func (b *buffer) part(n int64) ([]byte, []int32) {
	return b.bytes[:n*integerBytes], b.integers[:n]
}

func (b *buffer) close() error { return b.memory.Close() }

// latencies are the times of single operations of a random pattern. Looking at
// the clock costs about as much as a load from a mapping, so that only one
// operation in `every` is timed, and the clock's own cost taken off.
type latencies struct {
	every int64
	ns    []float64
}

const (
	latencyEvery = 32
	latencyMax   = 1 << 16 // of one sample: more would tell nothing new
)

func (l *latencies) add(d time.Duration) {
	if len(l.ns) < latencyMax {
		l.ns = append(l.ns, max(float64(d)-clockCost(), 0))
	}
}

// take appends the times to others, and forgets them.
func (l *latencies) take(others []float64) []float64 {
	others = append(others, l.ns...)
	l.ns = l.ns[:0]
	return others
}

// clockCost is what an empty timing measures, in nanoseconds: the least of many,
// since anything more is the machine's and not the clock's.
var clockCost = sync.OnceValue(func() float64 {
	least := time.Hour
	for range 1000 {
		began := time.Now()
		least = min(least, time.Since(began))
	}
	return float64(least)
})
