package pagecache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/filemap-go/filemap/internal/halfopen"
	"github.com/filemap-go/filemap/internal/sys"
)

// Error is what every operation of this package returns when it fails. It
// unwraps to a sentinel of this package where there is one and to what the system
// said, which matches fs.ErrNotExist, fs.ErrPermission and the like.
type Error struct {
	Op     string // the operation: "look", "warm", "evict", "lock", "save", "restore"
	Path   string // the file, as it was given
	Offset int64  // the first byte concerned
	Length int64  // how many bytes; 0 where the error concerns the whole file
	Err    error  // why
}

// Error says it in one line: "warm a.db [4096, 8192): …", ranges half-open.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.Op, e.Path)
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
	// ErrNotRegular: a directory, pipe, socket or device has no pages of a file.
	ErrNotRegular = errors.New("only regular files have pages in the page cache")

	// ErrUnknown: the kernel tells only the file's owner, who may write it, and root.
	ErrUnknown = errors.New("unknown (needs owner or root)")

	// ErrShrunk: the file became shorter while it was worked on.
	ErrShrunk = errors.New("the file became shorter meanwhile")

	// ErrLink: another name of a file that was visited already, which is no failure.
	ErrLink = errors.New("another hard link to a file that was counted")

	// ErrFormat: not a record that [Save] wrote, or not all of it.
	ErrFormat = errors.New("not a record of warm pages (filemap/warmset/v1)")
)

// reworded is an error in other words. It unwraps to the one that it stands for.
type reworded struct {
	text string
	err  error
}

func (e *reworded) Error() string { return e.text }

func (e *reworded) Unwrap() error { return e.err }

// why says an error of opening a file in words that say what can be done.
func why(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &reworded{"there is no such file", err}
	case errors.Is(err, fs.ErrPermission):
		return &reworded{"it may not be read by this user", err}
	}
	return err
}

// needsOwner is why a file's pages are unknown, to this user.
func needsOwner() string {
	if os.Geteuid() == 0 {
		return "unknown (needs the file's owner, or CAP_FOWNER, which this root does not have)"
	}
	return ErrUnknown.Error()
}

// needsRoot is what to do where looking takes root and, of it, some capability.
func needsRoot(capability string) string {
	if os.Geteuid() == 0 {
		return "unknown (needs " + capability + ", or a security module or sandbox refuses it)"
	}
	return "unknown (needs root)"
}

// notRegular names the kind.
func notRegular(kind sys.Kind) error {
	hint := ""
	if kind == sys.Directory {
		hint = ": name the files in it, or have it walked"
	}
	return fmt.Errorf("is %v; %w%s", kind, ErrNotRegular, hint)
}
