package compare

import (
	"context"
	"errors"
	"time"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
)

// mapped is a contender that works on the file's own pages, through the library
// that this project is.
type mapped struct {
	options  []filemap.Option
	populate bool
	keep     *keptMapping // nil maps anew for each run
	toMap    int64        // system calls that mapping anew costs
}

type keptMapping struct {
	m        *filemap.Map
	integers []int32
}

func setupMapped(j *job, keep, populate bool, advice ...filemap.Option) (task, error) {
	t := &mapped{options: mapOptions(j, advice), populate: populate}
	if !keep {
		var err error
		t.toMap, err = callsToMap(j)
		return t, err
	}
	m, integers, err := t.open(j)
	if err != nil {
		return nil, err
	}
	t.keep = &keptMapping{m, integers}
	return t, nil
}

func mapOptions(j *job, advice []filemap.Option) []filemap.Option {
	mode := filemap.ReadOnly
	if j.pattern.writes() {
		mode = filemap.ReadWrite
	}
	return append([]filemap.Option{mode}, advice...)
}

// supported finds out whether this system knows the advice, on a single page, so
// that what it does not know is a contender less and not a failed run. Advice may
// read from the device: it is no part of a run.
func supported(j *job, advice ...filemap.Option) error {
	onePage := filemap.Range(0, min(j.integers*integerBytes, int64(filemap.PageBytes())))
	m, err := filemap.Open(j.path, append(mapOptions(j, advice), onePage)...)
	if err != nil {
		return err
	}
	return m.Close()
}

func (t *mapped) open(j *job) (*filemap.Map, []int32, error) {
	m, err := filemap.Open(j.path, t.options...)
	if err != nil {
		return nil, nil, err
	}
	integers, err := filemap.SliceOf[int32](m, 0, j.integers)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	return m, integers, nil
}

func (t *mapped) run(j *job) error {
	if t.keep != nil {
		return t.use(j, t.keep.m, t.keep.integers)
	}
	m, integers, err := t.open(j)
	if err != nil {
		return err
	}
	err = errors.Join(t.use(j, m, integers), m.Close())
	j.shares[0].calls += t.callsOf(j)
	return err
}

// use works on mapped integers. A fault that cannot be served, since somebody
// truncated the file, say, is an error and not a crash: hence Guard, one for
// each goroutine.
func (t *mapped) use(j *job, m *filemap.Map, integers []int32) error {
	if t.populate {
		if err := populate(j, m); err != nil {
			return err
		}
	}
	err := j.each(func(s *share) error {
		return m.Guard(func() error {
			part := integers[s.first : s.first+s.count]
			if j.pattern.random() {
				j.loadRandomly(s, part)
			} else {
				j.process(s, part)
			}
			return nil
		})
	})
	if err == nil && j.durable {
		j.shares[0].calls++
		err = m.Sync()
	}
	return err
}

// populate has the kernel make all translations in one call instead of a fault
// each: for loads, or, since a page that was populated for loads faults again at
// the first store, for stores.
func populate(j *job, m *filemap.Map) error {
	if j.pattern.writes() {
		return m.Advise(filemap.PopulateWrite, 0, filemap.ToEnd)
	}
	return m.Populate(context.Background(), 0, filemap.ToEnd, nil)
}

// loadRandomly works on blocks of the share in random order.
func (j *job) loadRandomly(s *share, integers []int32) {
	for i := range s.operations {
		at := s.walk.next() * j.blockInts
		block := integers[at : at+j.blockInts]
		if i%s.latencies.every != 0 {
			j.process(s, block)
			continue
		}
		began := time.Now()
		j.process(s, block)
		s.latencies.add(time.Since(began))
	}
}

// What the library does in one system call at a time: see [filemap.WillNeed] and
// [filemap.Map.Populate].
const (
	willNeedStep = 128 << 10
	populateStep = 8 << 20
)

// callsToMap is the number of system calls that opening a mapping and closing it cost:
// openat, fstat, mmap; at the end the mapping is replaced by a reservation (mmap) and
// the descriptor closed. On a file system without a block device there are also fcntl
// (how it was opened) and a second fstat; to read fstatfs (is it an overlayfs?), and
// there fcntl, openat and close of a second descriptor and three looks at which layer it
// is of; to write fcntl (seals), statx (attributes) and fstatfs. A reservation is given
// back later, many in one munmap, which is not counted. A test compares this with what
// strace sees.
func callsToMap(j *job) (int64, error) {
	f, err := sys.OpenFile(j.path, 0, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	_, layered := f.Layer()
	switch calls := int64(5); {
	case st.OnDevice:
		return calls, nil
	case j.pattern.writes():
		return calls + 5, nil
	case layered:
		return calls + 11, nil
	default:
		return calls + 3, nil
	}
}

// callsOf is the number of system calls that a mapping of its own costs a run.
func (t *mapped) callsOf(j *job) int64 {
	calls := t.toMap
	bytes := j.integers * integerBytes
	for _, o := range t.options {
		switch o {
		case filemap.WillNeed:
			calls += steps(bytes, willNeedStep)
		case filemap.Sequential, filemap.Random, filemap.HugePage:
			calls++
		}
	}
	switch {
	case t.populate && j.pattern.writes():
		calls++
	case t.populate:
		calls += steps(bytes, populateStep)
	}
	return calls
}

func steps(n, step int64) int64 { return (n + step - 1) / step }

func (t *mapped) close() error {
	if t.keep == nil {
		return nil
	}
	return t.keep.m.Close()
}
