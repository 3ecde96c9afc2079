package filemap

import (
	"errors"
	"fmt"

	"github.com/filemap-go/filemap/internal/sys"
)

// errLockLimit is a failure that says nothing about the pages.
var errLockLimit = errors.New("more than this process may lock: raise the limit, RLIMIT_MEMLOCK (ulimit -l) or on Windows the minimum working set")

// Lock loads the pages that hold [off, off+n) and keeps them in memory until
// Unlock or Close; n may be [ToEnd]. Locks do not add up: one Unlock undoes any
// number.
//
// mlock(2), mlock2(2) with MLOCK_ONFAULT for a Private or Staged Map (mlock(2) makes
// copies of all its pages), bounded by RLIMIT_MEMLOCK; VirtualLock on Windows, which holds them
// in the working set and is bounded by its minimum size. Unsupported without
// mappings.
func (m *Map) Lock(off, n int64) error {
	return m.onPages("lock", off, n, func(begin, length int) error {
		// mlock(2) asks for a page that cannot be read again and again, for good
		// (Linux's __mm_populate), so it is not what finds that out.
		err := m.region.Advise(sys.PopulateRead, begin, length)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && !sys.UnknownAdvice(err) {
			return err
		}
		if err == nil && m.private() && m.file.Valid() {
			err = m.region.LockLazily(begin, length) // a plain lock makes copies of all pages
		} else {
			err = m.region.Lock(begin, length)
		}
		if sys.IsLockLimit(err) {
			err = fmt.Errorf("%w (%w)", err, errLockLimit)
		}
		return err
	})
}

// Unlock lets the pages that hold [off, off+n) go when memory is short;
// munlock(2), VirtualUnlock.
func (m *Map) Unlock(off, n int64) error {
	return m.onPages("unlock", off, n, m.region.Unlock)
}

// onPages makes a system call on the pages that hold [off, off+n).
func (m *Map) onPages(op string, off, n int64, call func(begin, length int) error) error {
	n, err := m.enter(op, off, n)
	if err != nil {
		return err
	}
	defer m.leave()
	if n == 0 {
		return nil
	}
	if m.backing == Read {
		return m.fail(op, off, n, ErrNotMapped)
	}
	begin, length := m.pagesOf(off, n)
	if err := call(begin, length); err != nil {
		return m.pagesError(op, off, n, err)
	}
	return nil
}
