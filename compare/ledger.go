package compare

// ledger knows what every integer of the file must be: what it was at first, and
// how often it was to be incremented since.
type ledger struct {
	// base fills into with what the file held at first, from the integer at
	// number first.
	base func(first int64, into []int32) error

	rounds    int32 // increments of every integer
	blockInts int64
	blocks    counts // increments of the integers of one block, on top
}

// counts are increments by number; most are nought.
type counts interface {
	add(at int64)
	of(at int64) int32
}

// denseMax is how many counts are kept as an array, 256 MiB of it: above, only
// those that are not nought are.
const denseMax = 64 << 20

func newCounts(n int64) counts {
	if n <= denseMax {
		return make(denseCounts, n)
	}
	return sparseCounts{}
}

type denseCounts []int32

func (c denseCounts) add(at int64)      { c[at]++ }
func (c denseCounts) of(at int64) int32 { return c[at] }

type sparseCounts map[int64]int32

func (c sparseCounts) add(at int64)      { c[at]++ }
func (c sparseCounts) of(at int64) int32 { return c[at] }

// note enters what a sample of n runs must have done.
func (l *ledger) note(j *job, n int, seed uint64) {
	switch j.pattern {
	case Increment:
		l.rounds += int32(n)
	case RandomUpdate:
		if l.blocks == nil {
			l.blockInts = j.blockInts
			l.blocks = newCounts(j.integers / j.blockInts)
		}
		j.replay(n, seed, func(at int64) { l.blocks.add(at / j.blockInts) })
	}
}

// replay walks the blocks that a sample of n runs touched.
func (j *job) replay(n int, seed uint64, visit func(at int64)) {
	for i, s := range j.shares {
		w := newWalk(seed+uint64(i), s.count/j.blockInts)
		for range int64(n) * s.operations {
			visit(s.first + w.next()*j.blockInts)
		}
	}
}

// expect fills into with what the file must hold now.
func (l *ledger) expect(first int64, into []int32) error {
	if err := l.base(first, into); err != nil {
		return err
	}
	if l.rounds != 0 {
		for i := range into {
			into[i] += l.rounds
		}
	}
	if l.blocks != nil {
		for i := range into {
			into[i] += l.countOf(first + int64(i))
		}
	}
	return nil
}

// countOf: integers behind the last whole block belong to none.
func (l *ledger) countOf(integer int64) int32 {
	block := integer / l.blockInts
	if dense, ok := l.blocks.(denseCounts); ok && block >= int64(len(dense)) {
		return 0
	}
	return l.blocks.of(block)
}
