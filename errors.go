package filemap

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/filemap-go/filemap/internal/halfopen"
)

// Error is what every operation of this package returns when it fails: which
// operation, on which bytes of which file, and why.
//
// It unwraps to a sentinel of this package where there is one, to what the
// system said (an errno, which matches fs.ErrNotExist, fs.ErrPermission and the
// like), and to [errors.ErrUnsupported] where this system has no such call.
type Error struct {
	Op     string // the operation, as its method is called: "open", "read", "sync"
	Path   string // the file's path as given to Open; "anonymous memory" without a file
	Offset int64  // the first byte concerned, counted from the start of the file
	Length int64  // how many bytes; 0 where the error concerns the whole file
	Err    error  // why
}

// Error says it in one line: "filemap: read a.db [4096, 8192): …", ranges half-open.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "filemap: %s %s", e.Op, e.Path)
	if e.Length != 0 {
		b.WriteString(" " + halfopen.String(e.Offset, e.Length))
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Why an operation failed. Each is matched with [errors.Is]; the text says what
// to do about it where something can be done.
var (
	// ErrClosed is [os.ErrClosed]: the Map was closed, before the call or during it.
	ErrClosed = os.ErrClosed

	// ErrBounds: the range is not inside the mapping, or the mapping's is not
	// inside the file.
	ErrBounds = errors.New("outside the bounds")

	// ErrReserved: growth beyond the addresses that were set aside ([Reserve]).
	// [Map.Move] makes a Map with more room, at other addresses.
	ErrReserved = errors.New("no addresses are reserved for more (open with filemap.Reserve, or see Move)")

	// ErrReadOnly: a store to a mapping, or to pages of it, that may only be read.
	// Stores that are to stay in memory are for a [Private] one.
	ErrReadOnly = errors.New("read-only (open with filemap.ReadWrite)")

	// ErrPrivate: the operation concerns the file, and stores to a Private or
	// anonymous mapping never reach one.
	ErrPrivate = errors.New("stores to a private mapping never reach a file (copy the bytes to a file with WriteTo)")

	// ErrDirtyUnknown: nobody knows which pages of this Map were stored to. It
	// matches [errors.ErrUnsupported].
	ErrDirtyUnknown = fmt.Errorf("which pages changed is not known of a shared mapping (open with filemap.Staged): %w", errors.ErrUnsupported)

	// ErrDirtyLimit: the pages stored to since the last Sync or Commit would take
	// more memory than the [DirtyLimit] allows. Nothing was stored. Sync or Commit, or
	// Discard, or raise the limit.
	ErrDirtyLimit = errors.New("too many changed pages (sync, commit or discard them, or raise the limit with SetDirtyLimit)")

	// ErrNoFile: the mapping is anonymous, or was opened with NoDescriptor, and
	// the operation needs the file's descriptor.
	ErrNoFile = errors.New("the mapping keeps no file descriptor")

	// ErrNotMapped: the operation needs the bytes as memory, and this Map reads
	// them through its descriptor ([OrRead]). It matches [errors.ErrUnsupported].
	ErrNotMapped = fmt.Errorf("the file is read and not mapped (use ReadAt, WriteAt or View): %w", errors.ErrUnsupported)

	// ErrAlignment: the operation works on whole pages and the range is not, or
	// a typed view's address is not a multiple of the type's alignment.
	ErrAlignment = errors.New("misaligned")

	// ErrType: a typed view of a type that cannot live in a file, since it holds
	// Go pointers or has no size.
	ErrType = errors.New("type cannot be viewed in a file")

	// ErrRagged: the length of a typed view is no multiple of the type's size.
	ErrRagged = errors.New("length is not a multiple of the element size")

	// ErrTooLarge: the range does not fit into the address space, or has more than
	// 256 TiB. On a 32-bit system map a part of the file with Range.
	ErrTooLarge = errors.New("too large for the address space (map a part of the file with filemap.Range)")

	// ErrMapLimit: this process may not have the mapping: too many of them
	// (vm.max_map_count; the last thousand are left to Go's runtime), too many
	// addresses (RLIMIT_AS), too much private memory (RLIMIT_DATA, overcommitment). The
	// error says which. Close others, raise the limit, or open with [OrRead].
	ErrMapLimit = errors.New("the system allows no such mapping")

	// ErrUnmappable: the file system maps no files, or not this one (FUSE with
	// direct_io, sysfs). It matches [errors.ErrUnsupported], and the system's own error.
	ErrUnmappable = fmt.Errorf("the file cannot be mapped (open it with filemap.OrRead, or read it): %w", errors.ErrUnsupported)

	// ErrHugePages: the file is on hugetlbfs, and the operation is none that it has;
	// the text says which. It matches [errors.ErrUnsupported].
	ErrHugePages = fmt.Errorf("the file is on hugetlbfs: %w", errors.ErrUnsupported)

	// ErrNotRegular: the path names a directory, pipe, socket or device, or a
	// file without a true size such as those of procfs and sysfs. Read these, or open
	// the latter with [OrRead].
	ErrNotRegular = errors.New("only regular files can be mapped")

	// ErrDescriptor: the open file that [OpenFile] was given does not serve for the
	// Mode: it was opened for reading or for writing only (which matches
	// fs.ErrPermission too), or with a flag that the error names. Open it anew.
	ErrDescriptor = errors.New("the open file does not serve for this mapping")

	// ErrImmutable: something about the file forbids stores to it, or another length,
	// whoever asks: a seal (memfd), an attribute (chattr), a file system mounted for
	// reading only. The error names which. It comes with fs.ErrPermission. Linux;
	// elsewhere there is the system's own error alone.
	ErrImmutable = errors.New("the file may not be changed")

	// ErrOption: the options contradict each other or do not go with the call.
	ErrOption = errors.New("option does not apply")

	// ErrTruncated: the access is beyond the present end of the file, which has
	// become shorter since it was mapped. A retry helps only when it grows again. The
	// last page of the file can be accessed to its end, beyond that of the file: loads
	// are zeros, and stores are lost, which Sync tells. From Sync or Commit of a
	// [Staged] or [Atomic] Map: the file is or was shorter, and stores beyond its end
	// are gone; [Map.Discard] the rest.
	ErrTruncated = errors.New("the file has become shorter than its mapping")

	// ErrReplaced: the mapping shows another file than its descriptor and path do by
	// now, since overlayfs copied the file to its upper layer when somebody opened it
	// for writing. The Map has the bytes of before. [Map.Move], or opening it anew, makes
	// a Map of the file as it is; [Unmapped] follows it.
	ErrReplaced = errors.New("the file is no longer the one that is mapped (Move, or open it again)")

	// ErrIO: the page could not be read from the device. The device's own error
	// is wrapped with it where the system tells. With NoDescriptor it also stands
	// for ErrTruncated and ErrNoSpace, which cannot be told apart then.
	ErrIO = errors.New("the page could not be read")

	// ErrNoSpace: the device or the quota is full. A store to a page of a sparse
	// file got no block, or a file could not be made or grown. Free space and
	// retry; a file whose blocks are all allocated, as Create without Sparse and
	// Resize do it, cannot fail in a store.
	ErrNoSpace = errors.New("no space left on the device or in the quota")

	// ErrFault: an access failed and by the time its page was looked at again
	// nothing was wrong with it. Retry.
	ErrFault = errors.New("the access failed (retry it)")

	// ErrCorrupt: a length prefix that cannot be right.
	ErrCorrupt = errors.New("corrupt record")
)

// fail makes the *Error of an operation on [off, off+n) of the mapping.
func (m *Map) fail(op string, off, n int64, err error) *Error {
	at := m.offset + off
	if off > 0 && at < 0 { // an offset that nobody's file has
		at = math.MaxInt64
	}
	return &Error{Op: op, Path: m.path, Offset: at, Length: n, Err: err}
}

// boundsError says which range was asked for and how long the mapping is.
func (m *Map) boundsError(op string, off, n int64) *Error {
	return m.fail(op, off, n, fmt.Errorf("%w of the mapping, which has %d bytes", ErrBounds, m.Len()))
}
