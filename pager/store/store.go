// Package store holds the backing stores of package pager: where pages come
// from when they are not in memory, and where changed ones go.
//
// A [Store] is three calls and a size, so that anything can be one. Here are a
// local file ([File]) and memory ([Memory]).
package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/filemap-go/filemap/internal/halfopen"
)

// Store is what pages are read from and written to.
//
// ReadAt and WriteAt follow [io.ReaderAt] and [io.WriterAt]: all of p or an
// error; a read beyond the end delivers what there is and io.EOF. Both may be
// called by many goroutines at once, and a store should then have all of them
// under way. A pager hands them buffers of whole pages, aligned to the page size
// in memory and in the store.
//
// A write is durable when a Sync that began after it has returned without an
// error. After a Sync that failed a pager takes none for successful any more
// ([ErrSyncFailed]).
//
// Closing a store is up to whoever opened it.
type Store interface {
	io.ReaderAt
	io.WriterAt

	// Size is the present length in bytes. It need not be whole pages.
	Size() (int64, error)

	// Sync makes all writes that have returned durable.
	Sync() error
}

// Error is what the stores of this package return when they fail.
type Error struct {
	Op     string // the operation, as its method is called: "open", "read", "sync"
	Path   string // the file's path as given to Open; "memory"
	Offset int64  // the first byte concerned
	Length int64  // how many bytes; 0 where the error concerns the whole store
	Err    error  // why
}

// Error says it in one line: "store: read a.db [4096, 8192): …", ranges half-open.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "store: %s %s", e.Op, e.Path)
	if e.Length != 0 {
		b.WriteString(" " + halfopen.String(e.Offset, e.Length))
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Why an operation failed.
var (
	// ErrClosed is [os.ErrClosed]: the store was closed.
	ErrClosed = os.ErrClosed

	// ErrBounds: the range begins before the store, or a write ends behind one
	// that does not grow.
	ErrBounds = errors.New("outside the store")

	// ErrReadOnly: a write to a store that was opened for reading.
	ErrReadOnly = errors.New("read-only (open it with store.Options{Write: true})")

	// ErrSyncFailed: a Sync failed, now or before. The system reports that once, and
	// takes what was written for durable although it is not: no later Sync can
	// succeed. Save the data elsewhere, and open the file again.
	ErrSyncFailed = errors.New("a sync failed, and what was written before may be lost (save the data elsewhere, and open again)")

	// ErrNotRegular: the path names a directory, pipe, socket or device.
	ErrNotRegular = errors.New("only a regular file can be a store")
)
