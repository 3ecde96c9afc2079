package compare

import (
	"context"
	"errors"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager"
	"github.com/filemap-go/filemap/pager/store"
)

// paged is a contender that maps the file in user space, package pager, and works
// on pinned pages. Its store reads the page cache, like everybody here, and its
// budget is the file, up to what the read/write contenders have as a buffer.
type paged struct {
	keep *openPager // nil maps anew for each run
}

type openPager struct {
	file  *store.File
	pager *pager.Pager
	m     *pager.Mapping
}

// userPaged keeps its mapping, and with it the pages, where nobody writes the
// file: a pager must be told of others' changes, and here it is not.
func userPaged(p Pattern) contender {
	what := "mapped in user space (package pager) once and kept"
	if p.writes() {
		what = "open, map in user space (package pager), use, write back, close, each time"
	}
	return contender{NamePager, what, FamilyPager, nil, func(j *job) (task, error) {
		if j.pattern.writes() {
			return &paged{}, nil
		}
		o, err := openPaged(j)
		if err != nil {
			return nil, err
		}
		return &paged{keep: o}, nil
	}}
}

func openPaged(j *job) (*openPager, error) {
	o := &openPager{}
	var err error
	if o.file, err = store.Open(j.path, store.Options{Write: j.pattern.writes(), Buffered: true}); err != nil {
		return nil, err
	}
	bytes := j.integers * integerBytes
	// The kernel reads ahead for the page cache, so that the pager need not.
	o.pager, err = pager.New(pager.Config{Budget: min(bytes, bufferMax) + pieceBytes + int64(sys.PageSize), ReadaheadBytes: -1})
	if err == nil {
		mode := pager.ReadOnly
		if j.pattern.writes() {
			mode = pager.Shared
		}
		o.m, err = o.pager.Map(o.file, pager.Options{Mode: mode, Length: bytes})
	}
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *openPager) close() error {
	var err error
	if o.pager != nil {
		err = o.pager.Close()
	}
	return errors.Join(err, o.file.Close())
}

func (t *paged) run(j *job) error {
	one := j.shares[0]
	o := t.keep
	if o == nil {
		var err error
		if o, err = openPaged(j); err != nil {
			return err
		}
		one.calls += 6 // openat, fstat twice, mmap, madvise, and madvise when it is closed
	}
	before := o.pager.Stats()
	err := j.each(func(s *share) error {
		if j.pattern.random() {
			return o.randomly(j, s)
		}
		return o.inOrder(j, s)
	})
	if err == nil && j.durable {
		one.calls++
		err = o.m.Sync(context.Background())
	}
	if t.keep == nil {
		err = errors.Join(err, o.close())
		one.calls++
	}
	after := o.pager.Stats()
	one.calls += int64(after.Reads - before.Reads + after.Writes - before.Writes)
	one.copied += int64(after.ReadBytes - before.ReadBytes + after.WriteBytes - before.WriteBytes)
	return err
}

func (o *openPager) inOrder(j *job, s *share) error {
	const step = pieceBytes / integerBytes
	for done := int64(0); done < s.count; done += step {
		if err := o.use(j, s, s.first+done, min(step, s.count-done)); err != nil {
			return err
		}
	}
	return nil
}

func (o *openPager) randomly(j *job, s *share) error {
	for i := range s.operations {
		at := s.first + s.walk.next()*j.blockInts
		if i%s.latencies.every != 0 {
			if err := o.use(j, s, at, j.blockInts); err != nil {
				return err
			}
			continue
		}
		began := time.Now()
		err := o.use(j, s, at, j.blockInts)
		s.latencies.add(time.Since(began))
		if err != nil {
			return err
		}
	}
	return nil
}

// use works on n integers from the one at number first, where they are.
func (o *openPager) use(j *job, s *share, first, n int64) error {
	pinTo := o.m.Pin
	if j.pattern.writes() {
		pinTo = o.m.PinWrite
	}
	pin, err := pinTo(context.Background(), first*integerBytes, int(n*integerBytes))
	if err != nil {
		return err
	}
	j.process(s, sys.Int32s(pin.Bytes()))
	pin.Unpin()
	return nil
}

func (t *paged) close() error {
	if t.keep == nil {
		return nil
	}
	return t.keep.close()
}
