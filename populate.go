package filemap

import (
	"context"
	"errors"
	"fmt"

	"github.com/filemap-go/filemap/internal/sys"
)

// populateBytes is how much Populate loads between looks at its context.
const populateBytes = 8 << 20

// Populate loads all pages that hold [off, off+n) and maps them, so that a load
// does not fault; n may be [ToEnd]. It waits inside system calls, where the Go
// scheduler runs other goroutines meanwhile, and not in a fault, where it does
// not. Nothing is made dirty: a later store still faults, quickly.
//
// Between parts of 8 MiB it calls progress, if not nil, with the bytes done so
// far, and returns ctx's error when it is cancelled; what was loaded stays.
// A page that cannot be had is the *Error that reading it would be.
//
// Linux since 5.14: madvise(2) with MADV_POPULATE_READ, which, unlike
// MADV_WILLNEED, loads everything asked for. Else: each page is read through the
// descriptor (pread) into the page cache, then touched.
func (m *Map) Populate(ctx context.Context, off, n int64, progress func(done int64)) error {
	n, err := m.span("populate", off, n)
	if err != nil {
		return err
	}
	for done := int64(0); done < n; {
		if err := ctx.Err(); err != nil {
			return m.fail("populate", off+done, n-done, err)
		}
		part := min(n-done, populateBytes)
		if err := m.populatePart(sys.PopulateRead, off+done, part); err != nil {
			return err
		}
		done += part
		if progress != nil {
			progress(done)
		}
	}
	return nil
}

func (m *Map) populatePart(how sys.Advice, off, n int64) error {
	if m.backing == Read {
		return m.readAll(off, n)
	}
	err := m.populateMapped(how, off, n)
	if err == nil && sys.Mapped {
		m.learn(off, n)
	}
	return err
}

func (m *Map) populateMapped(how sys.Advice, off, n int64) error {
	err := m.onPages("populate", off, n, func(begin, length int) error {
		return m.region.Advise(how, begin, length)
	})
	if errors.Is(err, errors.ErrUnsupported) || sys.UnknownAdvice(err) {
		return m.populateByReading(off, n)
	}
	return err
}

// populateByReading fills the page cache by pread, then installs the pages by
// touching them, which should find them there.
func (m *Map) populateByReading(off, n int64) error {
	if err := m.readToCache(off, n); err != nil {
		return err
	}
	page := int64(sys.PageSize)
	for at := off; at < off+n; at += page - (m.offset+at)%page {
		var b [1]byte // not Load, which would populate the page first
		if err := m.copyGuarded("populate", b[:], m.data[at:]); err != nil {
			return err
		}
	}
	return nil
}

// readToCache reads [off, off+n) through the descriptor, where there is one. What
// fails there fails later, with the page that it is about.
func (m *Map) readToCache(off, n int64) error {
	if _, err := m.enter("populate", off, n); err != nil {
		return err
	}
	defer m.leave()
	if !m.file.Valid() {
		return nil
	}
	scratch := make([]byte, min(n, 256<<10))
	for done := int64(0); done < n; done += int64(len(scratch)) {
		_, _ = m.file.ReadAt(scratch[:min(n-done, int64(len(scratch)))], m.offset+off+done)
	}
	return nil
}

// readAll reads [off, off+n) of a Map whose Backing is Read into the page cache.
func (m *Map) readAll(off, n int64) error {
	scratch := make([]byte, min(n, 256<<10))
	for done := int64(0); done < n; done += int64(len(scratch)) {
		if _, err := m.readFile("populate", scratch[:min(n-done, int64(len(scratch)))], off+done); err != nil {
			return err
		}
	}
	return nil
}

// pagesError makes the *Error of a system call on [off, off+n) that returned err.
// Of an EFAULT, or ENOMEM as mlock has it, it says which page and why. Stores are
// tried only when every load works, since trying makes pages dirty. m.mu is held.
func (m *Map) pagesError(op string, off, n int64, err error) error {
	if errors.Is(err, errLockLimit) || !sys.IsBadAddress(err) && !sys.NoMemory(err) {
		return m.fail(op, off, n, err)
	}
	at, found := m.firstBad(off, n, false)
	if !found && m.mode != ReadOnly {
		at, found = m.firstBad(off, n, true)
	}
	if !found { // it can be had by now
		return m.fail(op, off, n, fmt.Errorf("%w: %w", ErrFault, err))
	}
	return m.fail(op, at, 1, fmt.Errorf("%w: %w", m.whyLocked(op, at), err))
}

// firstBad finds the first page of [off, off+n) where a load, or a store, faults.
func (m *Map) firstBad(off, n int64, store bool) (int64, bool) {
	page := int64(sys.PageSize)
	for at := off; at < off+n; at += page - (m.offset+at)%page {
		for part := int64(populateBytes); part <= off+n-at && m.allFine(at, part, store); {
			at += part
		}
		if at == off+n {
			break
		}
		if errors.Is(m.region.Probe(m.begin+int(at), store), sys.ErrBus) || m.fileTrouble(at) != nil {
			return at, true
		}
	}
	return 0, false
}

// allFine tells whether no access to [off, off+n) would fault: one call for many pages.
func (m *Map) allFine(off, n int64, store bool) bool {
	how := sys.PopulateRead
	if store {
		how = sys.PopulateWrite
	}
	begin, length := m.pagesOf(off, n)
	return m.region.Advise(how, begin, length) == nil && m.fileTrouble(off+n-1) == nil
}
