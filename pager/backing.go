package pager

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"sync"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

// backing is a store as the pager uses it: every call of a store goes through
// here, and what a store may get wrong is found out here.
//
//   - A call has succeeded when all bytes were transferred and there was no error.
//     A count without an error that is too small, or impossible, is an error; so is
//     an error that comes with a full count (but for io.EOF of a read).
//   - A panic is an error, [PanicError], like any other failure of the store.
//   - A Sync that failed is remembered. The kernel reports a failed writeback once
//     and calls the pages clean, so that the next fsync(2) would succeed.
//
// Mappings of one store share its backing, since the kernel tells only one of
// those that sync a descriptor.
type backing struct {
	store store.Store
	users int // guarded by backings.mu

	mu     sync.Mutex // held by the one Sync: another must not miss that it failed
	failed error
}

// backings are those in use, by store.
var backings = struct {
	mu  sync.Mutex
	all map[store.Store]*backing
}{all: make(map[store.Store]*backing)}

// backingOf returns the store's backing, which the caller releases. Stores that
// cannot be compared have one for each mapping.
func backingOf(s store.Store) *backing {
	if !reflect.ValueOf(s).Comparable() {
		return &backing{store: s, users: 1}
	}
	backings.mu.Lock()
	defer backings.mu.Unlock()
	b := backings.all[s]
	if b == nil {
		b = &backing{store: s}
		backings.all[s] = b
	}
	b.users++
	return b
}

func (b *backing) release() {
	if !reflect.ValueOf(b.store).Comparable() {
		return
	}
	backings.mu.Lock()
	defer backings.mu.Unlock()
	if b.users--; b.users == 0 {
		delete(backings.all, b.store)
	}
}

// read reads len(p) bytes at off, of which the store must have the first need.
func (b *backing) read(p []byte, off int64, need int) (err error) {
	defer asError(&err)
	n, err := b.store.ReadAt(p, off)
	switch {
	case n < 0 || n > len(p):
		return fmt.Errorf("%w: ReadAt of %d bytes returned %d", ErrStore, len(p), n)
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case n >= need:
		return nil
	}
	return fmt.Errorf("the store has become shorter: %w", io.ErrUnexpectedEOF)
}

// write writes all of p at off.
func (b *backing) write(p []byte, off int64) (err error) {
	defer asError(&err)
	n, err := b.store.WriteAt(p, off)
	switch {
	case n < 0 || n > len(p):
		return fmt.Errorf("%w: WriteAt of %d bytes returned %d", ErrStore, len(p), n)
	case err != nil && sys.NoSpace(err):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case err != nil:
		return err
	case n < len(p):
		return fmt.Errorf("the store wrote %d of %d bytes: %w", n, len(p), io.ErrShortWrite)
	}
	return nil
}

// sync makes what was written durable. After it has failed, it always fails.
func (b *backing) sync() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = errUnfinished // what a store that does not return leaves behind
		b.failed = b.syncOnce()
	}
	return b.failedLocked()
}

func (b *backing) syncOnce() (err error) {
	defer asError(&err)
	return b.store.Sync()
}

// syncFailed is the error of a Sync that failed before, if one has.
func (b *backing) syncFailed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failedLocked()
}

func (b *backing) failedLocked() error {
	if b.failed == nil || errors.Is(b.failed, ErrSyncFailed) {
		return b.failed
	}
	return fmt.Errorf("%w: %w", ErrSyncFailed, b.failed)
}

func (b *backing) size() (n int64, err error) {
	defer asError(&err)
	n, err = b.store.Size()
	if err == nil && n < 0 {
		err = fmt.Errorf("%w: Size returned %d", ErrStore, n)
	}
	return n, err
}

// truncate gives the store a size, if it can.
func (b *backing) truncate(size int64) (err error) {
	defer asError(&err)
	if s, ok := b.store.(interface{ Truncate(size int64) error }); ok {
		return s.Truncate(size)
	}
	return fmt.Errorf("the store cannot be resized: %w", errors.ErrUnsupported)
}

// path is the path of the store's file, "" if it has none.
func (b *backing) path() string {
	if named, ok := b.store.(interface{ Path() string }); ok {
		return named.Path()
	}
	return ""
}

// errUnfinished is what a call has come to that did not return: the store ended
// its goroutine (runtime.Goexit).
var errUnfinished = errors.New("the call did not return")

// PanicError is a panic of a [store.Store] or of a [Checker] as the error of the
// access that called it. It unwraps to the value if that is an error.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // of the goroutine, as text
}

// Error says it without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("it panicked: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// asError makes a panic the error of the function that deferred it.
func asError(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}
