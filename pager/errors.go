package pager

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/filemap-go/filemap/internal/halfopen"
	"github.com/filemap-go/filemap/pager/store"
)

// Error is what every operation of this package returns when it fails: which
// operation, on which bytes of which mapping, and why. It unwraps to a sentinel
// of this package where there is one, and to what the store or the context said.
type Error struct {
	Op     string // the operation: "map", "pin", "fault", "swap out", "commit"
	Path   string // the mapping's name, or the swap file's path; may be empty
	Offset int64  // the first byte concerned, counted from the start of the store
	Length int64  // how many bytes; 0 where the error concerns the whole
	Err    error  // why
}

// Error says it in one line: "pager: fault a.db [4096, 8192): …", ranges half-open.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pager: %s", e.Op)
	if e.Path != "" {
		b.WriteString(" " + e.Path)
	}
	if e.Length != 0 {
		b.WriteString(" " + halfopen.String(e.Offset, e.Length))
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Why an operation failed. Each is matched with [errors.Is].
var (
	// ErrClosed is [os.ErrClosed]: the mapping or its pager was closed.
	ErrClosed = os.ErrClosed

	// ErrConfig: a [Config] or [Options] that cannot work; the text says why.
	ErrConfig = errors.New("bad configuration")

	// ErrBounds: the range is not inside the mapping, or the mapping's is not
	// inside the store.
	ErrBounds = errors.New("outside the bounds")

	// ErrReadOnly: a store to a mapping that may only be read.
	ErrReadOnly = errors.New("read-only (map with Mode Shared, Private or Transactional)")

	// ErrMode: the operation makes no sense for a mapping of this mode.
	ErrMode = errors.New("not for a mapping of this mode")

	// ErrBudget: the range is more pages than the whole budget.
	ErrBudget = errors.New("larger than the memory budget (pin less at a time, or raise Config.Budget)")

	// ErrPinned: every frame of the budget is pinned and none was unpinned in
	// time, or the operation cannot be done while pages are pinned.
	ErrPinned = errors.New("pages are pinned (unpin some, or raise Config.Budget)")

	// ErrSwapFull: changes that belong to no store must stay in memory, since swap
	// has no room for them.
	ErrSwapFull = errors.New("swap is full (raise Config.Swap.Bytes, or commit, discard or close)")

	// ErrCorrupt: the bytes of a page, or of swap, are not those that were written.
	ErrCorrupt = errors.New("corrupt: the checksum is wrong")

	// ErrTooLarge: the range does not fit into the address space.
	ErrTooLarge = errors.New("too large for the address space (map a part of the store)")

	// ErrNoSpace: the device of the store, or of swap, is full. What could not be
	// written is still in memory: free space and try again.
	ErrNoSpace = errors.New("no space left on the device (free some and try again)")

	// ErrSyncFailed: a sync of the store or of a journal failed, now or before, and
	// nobody can say what of the writes before it is on the device: the system
	// reports it once, and takes the data for written. So it is the error of every
	// later Sync and Commit, and of Close.
	ErrSyncFailed = store.ErrSyncFailed

	// ErrStore: the store broke the rules of [io.ReaderAt] and [io.WriterAt]: it
	// told of more bytes than it was asked for, or of less than none.
	ErrStore = errors.New("the store is faulty: an impossible result")

	// ErrSwapFile: the file named for swap is not one, or is someone else's.
	ErrSwapFile = errors.New("cannot be used for swap")
)
