package journal

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/filemap-go/filemap/internal/sys"
)

// Target is the file that commits change. Nobody else may change it while a
// Journal of it is open.
type Target interface {
	io.ReaderAt
	io.WriterAt
	// Sync makes everything written before durable, with the size needed to read
	// it back.
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
}

// File is the journal's own file. [Open] makes one of the file system; tests make
// others.
type File interface {
	Target
	Close() error
}

// Extent is a part of a commit: these bytes, at that offset of the target.
type Extent struct {
	Offset int64
	Data   []byte
}

// Journal makes commits to one target. Its methods may be called from several
// goroutines; they wait for each other.
type Journal struct {
	path     string // "" for a file that has none
	file     File
	target   Target
	identity Identity
	inPlace  func() (bool, error) // is the file still at path?
	rowBytes int64                // what a row of several records takes at most

	mu       sync.Mutex
	row      row    // whose superblock is durable
	end      int64  // of its records
	length   int64  // of the file
	sequence uint64 // of the last commit
	unsynced bool   // the target was written to since it was synced
	pending  bool   // the target has not all of the last commit
	failed   error
	closed   bool

	broken broken
}

// rowBytes is what a row takes at most, but for one of a single larger record.
// docs/design/0005-the-journal-is-a-log.md tells why so much.
const rowBytes = 16 << 20

// broken leaves out what makes a commit safe, so that tests can show that they
// would notice.
type broken struct {
	noJournalSync bool // the sync that is the commit
	noTargetSync  bool // the one before a row is begun
	noRewrite     bool // a recovery writes the target straight away
	unchecked     bool // a torn record is applied
	overlap       bool // a row may lie where the one before it does
}

// Options of [Open].
type Options struct {
	// Identity is the target's. A journal of another is refused.
	Identity Identity

	// Adopt applies a journal whatever its identity: for a copy of target and
	// journal, made while no writer had them or of all at one moment.
	Adopt bool

	// Reset empties the journal instead of applying it, for a target that is
	// about to be made new. What it held is lost.
	Reset bool
}

// chunk is how much is written to a journal, or read from it, at a time.
const chunk = 256 << 10

// Open opens the journal at path, which it makes if it is missing, takes the lock
// on it, and brings target to a whole state: the commits that are whole in the
// journal are applied and synced, a torn one is ignored. It says what it found. The lock ends with Close, or
// with the process.
func Open(path string, target Target, o Options) (*Journal, Recovery, error) {
	f, fresh, err := openFile(path)
	if err != nil {
		return nil, Recovery{}, &Error{Op: "open", Path: path, Err: err}
	}
	j := &Journal{path: path, file: fileOf{f}, target: target, identity: o.Identity, rowBytes: rowBytes}
	j.inPlace = func() (bool, error) { return f.SameAs(path) }
	r, err := j.start(o)
	if r.Made = fresh; err == nil && fresh {
		err = sys.SyncDirOf(path)
	}
	if err != nil {
		if fresh {
			_ = os.Remove(path) // err is why
		}
		return nil, Recovery{}, j.fail("open", errors.Join(err, f.Close()))
	}
	return j, r, nil
}

// openFile opens the journal and locks it. A journal that was removed, and made
// anew by another, between the two is opened again.
func openFile(path string) (f sys.File, fresh bool, err error) {
	for range 10 {
		f, err = sys.OpenFile(path, sys.Write|sys.Create|sys.Excl, 0o600)
		fresh = err == nil
		if errors.Is(err, os.ErrExist) {
			f, err = sys.OpenFile(path, sys.Write, 0)
		}
		if errors.Is(err, os.ErrNotExist) {
			if _, statErr := os.Lstat(path); statErr == nil {
				return f, false, err // a symbolic link to nothing
			}
			continue
		}
		if err != nil {
			return f, false, err
		}
		same := false
		if err = lock(f); err == nil {
			same, err = f.SameAs(path)
		}
		if err == nil && same {
			return f, fresh, nil
		}
		_ = f.Close() // err is why
		if err != nil {
			return sys.File{}, false, err
		}
	}
	return sys.File{}, false, ErrVanished
}

func lock(f sys.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Kind != sys.Regular {
		return fmt.Errorf("%w: it is %v", ErrNotJournal, st.Kind)
	}
	err = f.TryLock()
	if errors.Is(err, sys.ErrLocked) {
		return ErrLocked
	}
	return err
}

// OpenOn is [Open] of a journal that is open already, and locked where somebody
// else could have it. Close closes file, and so does an error.
func OpenOn(file File, target Target, o Options) (*Journal, Recovery, error) {
	return openOn(file, target, o, rowBytes, broken{})
}

func openOn(file File, target Target, o Options, rowBytes int64, b broken) (*Journal, Recovery, error) {
	j := &Journal{file: file, target: target, identity: o.Identity, rowBytes: rowBytes, broken: b}
	r, err := j.start(o)
	if err != nil {
		return nil, Recovery{}, j.fail("open", errors.Join(err, file.Close()))
	}
	return j, r, nil
}

// start reads the journal, applies it or not, and leaves it with an empty row
// that is durable.
func (j *Journal) start(o Options) (Recovery, error) {
	found, state, _, err := readSuperblocks(j.file)
	if err != nil {
		return Recovery{}, err
	}
	r := Recovery{State: state}
	if found.number != 0 {
		j.row, j.end, j.sequence = found, found.start, found.sequence-1
		if r, err = j.recover(state, o); err != nil {
			return r, err
		}
	}
	if found.number == 0 || r.State != Empty || found.identity != j.identity || o.Reset {
		return r, j.writeEmpty()
	}
	j.length, err = j.file.Size()
	return r, err
}

// writeEmpty begins a row without a record, durably, and gives the space of the
// others back: only then, since until the new superblock is on the device it is
// the row before that counts. The target must be durable.
func (j *Journal) writeEmpty() error {
	r := j.nextRow(superblocks)
	if _, err := j.file.WriteAt(r.encode(), r.slot()); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.row, j.end = r, r.start
	j.length = superblocks
	return j.file.Truncate(superblocks)
}

// nextRow is the row after this one, to begin at start.
func (j *Journal) nextRow(start int64) row {
	return row{
		number: j.row.number + 1, start: start, sequence: j.sequence + 1,
		salt: rand.Uint64(), identity: j.identity,
	}
}

// readyLocked tells whether a commit can be begun.
func (j *Journal) readyLocked() error {
	switch {
	case j.closed:
		return ErrClosed
	case j.failed != nil:
		return fmt.Errorf("%w: %w", ErrFailed, j.failed)
	case j.inPlace == nil:
		return nil
	}
	same, err := j.inPlace()
	if err == nil && !same {
		err = ErrVanished
	}
	return err
}

// syncTarget makes the row's commits durable in the target.
func (j *Journal) syncTarget() error {
	if !j.unsynced || j.broken.noTargetSync {
		return nil
	}
	if err := j.target.Sync(); err != nil {
		j.failed = err
		return err
	}
	j.unsynced = false
	return nil
}

// Pending tells whether the journal holds a commit that could not be written to
// the target: see [ErrPending].
func (j *Journal) Pending() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pending
}

// Failed tells whether a sync has failed: see [ErrFailed].
func (j *Journal) Failed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed != nil
}

// Finish writes a pending commit to the target, if there is one.
func (j *Journal) Finish() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.pending {
		return nil
	}
	err := j.readyLocked()
	if err == nil {
		err = j.finishLocked()
	}
	if err != nil {
		return j.fail("recover", err)
	}
	return nil
}

// finishLocked writes the last commit to the target, if that has not all of it. Those
// before it are there: to write them again would show others what was overwritten
// since.
func (j *Journal) finishLocked() error {
	if !j.pending {
		return nil
	}
	records, _, err := j.readRow()
	if err == nil && (len(records) == 0 || records[len(records)-1].sequence != j.sequence) {
		err = errors.New("it was changed there")
	}
	if err == nil {
		err = j.apply(records[len(records)-1:])
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPending, err)
	}
	j.pending = false
	return nil
}

// Close makes all commits durable in the target and marks the journal empty,
// durably, and lets it go. After a sync that failed, and while a commit is pending,
// it leaves it as it is: opening again goes on with it.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return j.fail("close", ErrClosed)
	}
	j.closed = true
	var err error
	if j.end > j.row.start && !j.pending && j.failed == nil {
		if err = j.syncTarget(); err == nil {
			err = j.writeEmpty()
		}
	}
	if err = errors.Join(err, j.file.Close()); err != nil {
		return j.fail("close", err)
	}
	return nil
}

func (j *Journal) fail(op string, err error) error {
	var typed *Error
	if errors.As(err, &typed) {
		return err
	}
	return &Error{Op: op, Path: j.path, Err: err}
}
