package compare

import "sync"

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
		j.operations = orDefault(o.operations, j.operations)
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
