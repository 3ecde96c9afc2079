package filemap

import (
	"errors"
	"fmt"

	"github.com/filemap-go/filemap/internal/sys"
)

// Create with [Overwrite] makes a file's contents new in place: inode, mode, owner and
// links stay, and so does who has it open. A new file renamed over the old one would
// be all or nothing, and another file. So what can be refused is tried before the old
// contents go, beside them:
//
//	old contents                       old    size
//	├───────────────────────────────────┤       │
//	├─────────── blocks? ───────────────┼ blocks┤     1  room for all of it
//	├─────────── mapped, locked ────────────────┤     2  a mapping with these options
//	├─── zeros, the blocks stay ────────┼───────┤     3  no way back from here
//
// and taken back when it is refused.

// fits checks what needs no file.
func (c *config) fits(size int64) error {
	n := c.length
	if n == ToEnd {
		n = max(size-c.offset, 0)
	}
	if c.offset > size || n > size-c.offset {
		return fmt.Errorf("%w of the file, which is to have %d bytes", ErrBounds, size)
	}
	mapped := max(n, c.reserve)
	if mapped > mostMapped-int64(2*sys.Granularity+c.tailRoom(n)) && !c.has(OrRead) && !c.has(Unmapped) {
		return ErrTooLarge
	}
	return nil
}

// overwrite makes size bytes of zeros of an open file, unless it finds before that
// this, or a mapping of them, cannot be.
func (c *config) overwrite(f sys.File, path string, size int64) error {
	old, err := regularSize(f)
	if err == nil {
		err = fixed(f, sys.Stores|sys.Shrinking)
	}
	if err != nil {
		return err
	}
	// The journal's commits belong to the old contents, which stay if this fails.
	err = c.openJournal(f, path, false)
	foreign := errors.Is(err, ErrForeignJournal)
	if err != nil && !foreign {
		return err
	}
	if err := c.rehearse(f, path, old, size); err != nil {
		return takeBack(f, old, err)
	}
	if foreign { // not the old contents' either
		if err := c.openJournal(f, path, true); err != nil {
			return takeBack(f, old, err)
		}
	}
	if c.has(Sparse) || f.ZeroRange(0, min(old, size)) != nil {
		if err := f.Truncate(0); err != nil {
			return err
		}
		return setSize(f, size, c.has(Sparse))
	}
	return f.Truncate(size)
}

// takeBack gives a file that was made longer its old size, since err has happened.
func takeBack(f sys.File, old int64, err error) error {
	st, statErr := f.Stat()
	if statErr == nil && st.Size > old {
		statErr = f.Truncate(old)
	}
	return errors.Join(err, statErr)
}

// rehearse makes room for size bytes of a file that has old, and a mapping of them as
// c wants it, which it closes again.
func (c *config) rehearse(f sys.File, path string, old, size int64) error {
	var err error
	if c.has(Sparse) {
		if size > old {
			err = f.Truncate(size)
		}
	} else {
		if err = f.FillHoles(0, min(old, size)); errors.Is(err, errors.ErrUnsupported) {
			err = nil // the old contents have no holes, or a full disk will be an error too late
		}
		if err == nil && size > old {
			err = f.Allocate(old, size-old)
		}
	}
	if err != nil {
		return spaceError(err)
	}
	trial := *c
	trial.flags &^= Atomic | Populated
	trial.journal, trial.target = nil, nil
	trial.moved, trial.size = true, max(size-c.offset, 0)
	if c.length != ToEnd {
		trial.size = c.length
	}
	dup, err := f.Dup()
	if err != nil {
		return err
	}
	m, err := mapOrClose(dup, path, &trial)
	if err != nil {
		return err
	}
	m.grow.whole.moved = true // the file's size is not the trial's
	return m.Close()
}
