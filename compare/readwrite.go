package compare

import (
	"errors"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// bufferMax bounds the buffer of a contender that reads the file in one: one
// read(2) moves no more than 2 GiB, and a buffer larger than memory would be
// swapped. A larger file is read in several.
const bufferMax = 256 << 20

// readWrite is a contender that moves the file's bytes by system calls, through
// a buffer that it keeps. There is no os.File in between: what is measured are
// open(2), pread(2), pwrite(2), fdatasync(2) and close(2). The offset that the
// article's program sets back by lseek is in the calls.
type readWrite struct {
	keepOpen bool
	file     sys.File
	buffers  map[*share]*buffer
}

// setupReadWrite makes the buffers, of at most maxBytes each.
func setupReadWrite(j *job, keepOpen bool, maxBytes int64) (task, error) {
	t := &readWrite{keepOpen: keepOpen, buffers: map[*share]*buffer{}}
	for _, s := range j.shares {
		integers := max(1, min(s.count, maxBytes/integerBytes))
		if j.pattern.random() {
			integers = j.blockInts
		}
		b, err := newBuffer(integers)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.buffers[s] = b
	}
	if keepOpen {
		if err := t.open(j); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	return t, nil
}

func (t *readWrite) open(j *job) (err error) {
	t.file, err = sys.OpenFile(j.path, openFlag(j), 0)
	return err
}

func openFlag(j *job) sys.OpenFlag {
	if j.pattern.writes() {
		return sys.Write
	}
	return 0
}

func (t *readWrite) run(j *job) error {
	one := j.shares[0] // counts what is done once, not for each share
	if !t.keepOpen {
		one.calls++
		if err := t.open(j); err != nil {
			return err
		}
	}
	err := j.each(func(s *share) error {
		if j.pattern.random() {
			return t.randomly(j, s)
		}
		return t.inOrder(j, s)
	})
	if err == nil && j.durable {
		one.calls++
		err = t.file.SyncData()
	}
	if !t.keepOpen {
		one.calls++
		err = errors.Join(err, t.file.Close())
		t.file = sys.File{}
	}
	return err
}

func (t *readWrite) inOrder(j *job, s *share) error {
	b := t.buffers[s]
	step := int64(len(b.integers))
	for done := int64(0); done < s.count; done += step {
		bytes, integers := b.part(min(step, s.count-done))
		if err := t.move(j, s, bytes, integers, s.first+done); err != nil {
			return err
		}
	}
	return nil
}

func (t *readWrite) randomly(j *job, s *share) error {
	b := t.buffers[s]
	for i := range s.operations {
		at := s.first + s.walk.next()*j.blockInts
		if i%s.latencies.every != 0 {
			if err := t.move(j, s, b.bytes, b.integers, at); err != nil {
				return err
			}
			continue
		}
		began := time.Now()
		err := t.move(j, s, b.bytes, b.integers, at)
		s.latencies.add(time.Since(began))
		if err != nil {
			return err
		}
	}
	return nil
}

// move reads integers from the one at number first, works on them, and writes
// them back if the pattern wants it.
func (t *readWrite) move(j *job, s *share, bytes []byte, integers []int32, first int64) error {
	s.calls++
	s.copied += int64(len(bytes))
	if _, err := t.file.ReadAt(bytes, first*integerBytes); err != nil {
		return err
	}
	j.process(s, integers)
	if !j.pattern.writes() {
		return nil
	}
	s.calls++
	s.copied += int64(len(bytes))
	_, err := t.file.WriteAt(bytes, first*integerBytes)
	return err
}

func (t *readWrite) close() error {
	var err error
	for _, b := range t.buffers {
		err = errors.Join(err, b.close())
	}
	if t.file.Valid() {
		err = errors.Join(err, t.file.Close())
	}
	return err
}
