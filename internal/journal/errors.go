package journal

import (
	"errors"
	"fmt"
	"strings"

	"github.com/filemap-go/filemap/internal/halfopen"
)

// Error is what every operation of this package returns when it fails.
type Error struct {
	Op     string // "open", "recover", "commit", "close", "read"
	Path   string // the journal's
	Offset int64  // in the target, where the error is about a part of it
	Length int64  // in bytes; 0 where the error concerns all of it
	Err    error  // why
}

// Error says it in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "journal: %s %s", e.Op, e.Path)
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
	// ErrLocked: another process, or another Journal of this one, has the target or
	// the journal.
	ErrLocked = errors.New("another Atomic Map, or Transactional mapping, has it open (one writer at a time: wait until it has closed)")

	// ErrNotJournal: the file at the journal's path is something else. It is left
	// alone.
	ErrNotJournal = errors.New("the file is no journal (move it away if nobody needs it)")

	// ErrDamaged: the journal has lost commits that it once had, by a damaged or
	// exchanged block. To apply the others would turn a part of the target back.
	// Neither was changed.
	ErrDamaged = errors.New("the journal is damaged, nothing was changed (restore the file and its journal from a backup; or move the journal away, and check the file, which may have only a part of the last commits)")

	// ErrVersion: the journal was written by a newer version of this package.
	ErrVersion = errors.New("the journal's version is not known here (open it with the version that wrote it)")

	// ErrForeign: the journal was in use with another file than this one when its
	// writer died or it was copied: it must not be applied, and may hold all that
	// there is of the last commits.
	ErrForeign = errors.New("the journal belongs to another file (put it back beside its own, or adopt it if this is a true copy of both)")

	// ErrVanished: the journal was removed, renamed or replaced while it was in
	// use. A commit now could not be found again after a power cut: nothing was
	// written.
	ErrVanished = errors.New("the journal is gone from its place (nothing was written; put it back, or save the data elsewhere)")

	// ErrTargetGone: the target has no name any more, or not the one by which it was
	// opened. A commit now could not be found again: nothing was written.
	ErrTargetGone = errors.New("the file was renamed, replaced or removed while it was open (nothing was written; put it back, or save the data elsewhere)")

	// ErrPending: the commit is in the journal and will be whole after a restart,
	// but not all of it could be written to the target. The next Commit, Finish or
	// Open goes on with it.
	ErrPending = errors.New("the commit is safe in the journal but not yet in its file (mend what is wrong, and commit or open again)")

	// ErrFailed: a sync failed before, and nobody can say what is on the device.
	// What was committed before that is safe; opening again finds out about the rest.
	ErrFailed = errors.New("an earlier sync failed (save the data elsewhere, and open again)")

	// ErrExtent: an extent of a commit that does not fit into the target's new size.
	ErrExtent = errors.New("an extent lies outside of the target")

	// ErrParts: a commit of more extents than a record has room for.
	ErrParts = errors.New("more than 16 777 216 separate parts in one commit (commit more often)")

	// ErrClosed: the Journal was closed.
	ErrClosed = errors.New("the journal is closed")

	// ErrBusy: a writer commits so often that no moment was found to read in.
	ErrBusy = errors.New("the file changes all the time (retry)")
)
