package filemap

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/filemap-go/filemap/internal/sys"
)

// Guard runs f and turns a fault at an address of this mapping into an *Error:
// the file was truncated ([ErrTruncated]), its device failed ([ErrIO]) or is
// full ([ErrNoSpace]), the bytes may not be stored to ([ErrReadOnly]), or the
// Map was closed meanwhile ([ErrClosed]). Without it such a load or store
// through a slice ends the process (SIGBUS, SIGSEGV;
// EXCEPTION_IN_PAGE_ERROR on Windows). The methods of Map need no Guard.
//
// What f did before the fault is done; nothing after it is. Guards nest, of one
// Map or of several. A fault outside of this mapping goes on as the panic, or
// the crash, that it would have been.
//
// It covers loads, stores, copy, and everything else that f does on its own
// goroutine: not a goroutine that f starts, which needs a Guard of its own, and
// not C code. A system call that is handed a bad range returns EFAULT by itself.
//
// See [debug.SetPanicOnFault], which it rests on.
func (m *Map) Guard(f func() error) (err error) {
	if m.closed.Load() {
		return m.fail("guard", 0, 0, ErrClosed)
	}
	defer m.catch("guard", debug.SetPanicOnFault(true), &err)
	return f()
}

// catch is deferred by whatever touches mapped memory.
func (m *Map) catch(op string, old bool, err *error) {
	debug.SetPanicOnFault(old)
	if r := recover(); r != nil {
		*err = m.faultError(op, r)
	}
	runtime.KeepAlive(m) // the addresses stay ours until here: quarantine.go
}

// copyGuarded copies; one of the two is this mapping's memory.
func (m *Map) copyGuarded(op string, dst, src []byte) (err error) {
	defer m.catch(op, debug.SetPanicOnFault(true), &err)
	copy(dst, src)
	return nil
}

// transfer copies min(len(dst), len(src)) bytes, of which off is the place in
// the mapping. After a fault it copies again what lies before the failing page,
// so that n bytes are done and the error's Offset is the first that is not.
func (m *Map) transfer(op string, dst, src []byte, off int64) (int, error) {
	n := min(len(dst), len(src))
	err := m.copyGuarded(op, dst[:n], src[:n])
	if err == nil {
		return n, nil
	}
	for {
		n = m.beforeFault(err, off, n)
		again := m.copyGuarded(op, dst[:n], src[:n])
		if again == nil {
			break
		}
		err = again
	}
	var fault *Error
	if errors.As(err, &fault) {
		fault.Offset = m.offset + off + int64(n)
	}
	return n, err
}

// beforeFault returns how many of the n bytes at off lie before the page that err
// is about; always fewer than n.
func (m *Map) beforeFault(err error, off int64, n int) int {
	var fault *Error
	if !errors.As(err, &fault) {
		return 0
	}
	page := (m.begin + int(fault.Offset-m.offset)) &^ (sys.PageSize - 1)
	done := page - m.begin - int(off)
	return max(0, min(done, n-1))
}

// faultError makes the error of a recovered panic that is a fault in this mapping.
func (m *Map) faultError(op string, r any) error {
	off := m.faultOffset(r)
	return m.fail(op, off, 1, m.why(op, off))
}

// faultOffset returns where in the mapping a recovered panic, which is a fault in
// it, happened; it panics on with anything else.
func (m *Map) faultOffset(r any) int64 {
	fault, ok := r.(interface {
		error
		Addr() uintptr
	})
	if !ok || fault.Addr() < m.region.Addr() || fault.Addr()-m.region.Addr() >= uintptr(m.region.Len()) {
		panic(r)
	}
	// Some processors report only the page: that may begin before our bytes do.
	at := max(int(fault.Addr()-m.region.Addr()), m.begin)
	return min(int64(at-m.begin), int64(len(m.data))-1)
}

// why finds out what is wrong with the page of the byte at off.
func (m *Map) why(op string, off int64) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.whyLocked(op, off)
}

// whyLocked asks the file for its size and the byte, then the kernel whether a
// load and a store would work now.
func (m *Map) whyLocked(op string, off int64) error {
	if m.closed.Load() {
		return ErrClosed
	}
	if err := m.fileTrouble(off); err != nil {
		return err
	}
	at := m.begin + int(off)
	load := m.region.Probe(at, false)
	store := m.region.Probe(at, true)
	switch {
	case errors.Is(load, sys.ErrBus), errors.Is(store, sys.ErrBus):
		return m.busTrouble(off, load)
	case op != "guard" && op != "write" && op != "store": // loads
		return ErrFault
	case m.stage != nil:
		return fmt.Errorf("%w; a store to a Staged Map fails while a Sync runs", ErrFault)
	case m.mode == ReadOnly, errors.Is(store, sys.ErrProtected):
		// A store does not work; a load that did not does now.
		if op != "guard" {
			return ErrReadOnly
		}
		return fmt.Errorf("%w: a store failed (or a load, of which nothing is wrong any more: %w)", ErrReadOnly, ErrFault)
	}
	return ErrFault
}

// busTrouble tells a full device from one that fails. A file system in memory
// (tmpfs) needs space even to load from a hole.
func (m *Map) busTrouble(off int64, load error) error {
	if !m.file.Valid() {
		return fmt.Errorf("%w (truncated, failed or full: without a descriptor nobody can tell)", ErrIO)
	}
	if load == nil && m.mode == ReadWrite {
		if err := fixed(m.file, sys.Stores); err != nil {
			return err
		}
	}
	if err := m.file.SpaceTrouble(m.offset + off); err != nil {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	switch {
	case load != nil:
		return ErrIO
	case sys.ProbeTells:
		return ErrNoSpace
	}
	return ErrReadOnly
}

// fileTrouble asks the file itself: its size, then the byte.
func (m *Map) fileTrouble(off int64) error {
	if !m.file.Valid() {
		return nil
	}
	if err := m.replaced(); err != nil {
		return err
	}
	st, err := m.file.Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrIO, err)
	}
	page := int64(sys.PageSize)
	if end := (st.Size + page - 1) / page * page; m.offset+off >= end {
		return fmt.Errorf("%w: it has %d bytes now", ErrTruncated, st.Size)
	}
	_, err = m.file.ReadAt(make([]byte, 1), m.offset+off)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrIO, err)
	}
	return nil
}

// explainAddress turns the EFAULT of a system call that was handed the mapping's
// memory at off into what is wrong with it.
func (m *Map) explainAddress(op string, off int64, err error) error {
	if !sys.IsBadAddress(err) || off >= m.Len() {
		return err
	}
	return m.fail(op, off, 1, fmt.Errorf("%w (%w)", m.why(op, off), err))
}
