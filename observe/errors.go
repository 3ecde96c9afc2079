package observe

import (
	"errors"
	"fmt"

	"github.com/filemap-go/filemap/internal/halfopen"
)

// Error is what every operation of this package returns when it fails.
type Error struct {
	Op     string // "trace", "run", "limit memory", "clean up" …
	Path   string // the file or program concerned
	Offset int64  // the first byte concerned
	Length int64  // how many; 0 where the error concerns the whole file
	Err    error  // why, and what to do about it
}

// Error says it in one line.
func (e *Error) Error() string {
	if e.Length == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s %s: %v", e.Path, halfopen.String(e.Offset, e.Length), e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Why something cannot be traced.
var (
	ErrNotRegular = errors.New("only regular files can be traced")
	ErrEmpty      = errors.New("the file is empty: there is no page to touch")
	ErrShrunk     = errors.New("the file became shorter while it was traced (trace it again when nobody truncates it)")
	ErrNeedsRoot  = errors.New("needs root")
	ErrFits       = errors.New("everything would fit")
	ErrOption     = errors.New("option does not apply")

	ErrNoProgram   = errors.New("there is no such program")
	ErrCannotStart = errors.New("the program cannot be started")
)
