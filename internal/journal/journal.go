package journal

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
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
	lock     sys.Lock
	ready    func() error // are the journal and the target still in their places?
	fresh    bool         // made by Open, with its first row
	rowBytes int64        // what a row of several records takes at most

	mu       sync.Mutex
	row      row    // whose superblock is durable
	end      int64  // of its records
	length   int64  // of the file
	durable  int64  // the part of it that no power cut takes away
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

	// File is the target's file, where it has one. The journal gets its owner and
	// permissions, so that a user that may read the one can read the other, and must
	// not be it.
	File sys.File

	// Missing, unless nil, is the error of Open where there is no journal, which
	// is not made then.
	Missing error

	// Ready, unless nil, is asked before every commit, and refuses it with an error.
	Ready func() error
}

// chunk is how much is written to a journal, or read from it, at a time.
const chunk = 256 << 10

// Open opens the journal at a place, which it makes if it is missing, takes the lock
// on it, and brings target to a whole state: the commits that are whole in the
// journal are applied and synced, a torn one is ignored. It says what it found. The
// lock ends with Close, or with the process. The place must stay open as long.
func Open(place Place, target Target, o Options) (*Journal, Recovery, error) {
	f, lock, made, err := place.open(o)
	if err != nil {
		var typed *Error
		if errors.As(err, &typed) {
			return nil, Recovery{}, err
		}
		return nil, Recovery{}, &Error{Op: "open", Path: place.Path, Err: err}
	}
	j := &Journal{path: place.Path, file: fileOf{f}, lock: lock, target: target, identity: o.Identity, rowBytes: rowBytes}
	j.ready = func() error {
		if err := place.has(f); err != nil || o.Ready == nil {
			return err
		}
		return o.Ready()
	}
	j.fresh = made
	r, err := j.start(o)
	if r.Made = made; err != nil {
		if made {
			_ = place.Dir.Remove(place.Name) // err is why
		}
		return nil, Recovery{}, j.fail("open", errors.Join(err, j.letGo()))
	}
	return j, r, nil
}

// Blank is the contents of a journal of the target with that identity that was just
// made.
func Blank(identity Identity) []byte {
	first := row{number: 1, start: superblocks, sequence: 1, salt: rand.Uint64(), log: rand.Uint64(), identity: identity}
	return append(make([]byte, first.slot()), first.encode()...)
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

// start reads the journal, applies it or not, and leaves it with an empty row that
// is durable and says that it is in use: before the first commit, so that a copy of
// it does not pass for one that was closed.
func (j *Journal) start(o Options) (Recovery, error) {
	h, err := readHeads(j.file)
	if err != nil {
		return Recovery{}, err
	}
	j.row, j.end = h.row, h.row.start
	r, err := j.recover(&h, o)
	if err != nil {
		return r, err
	}
	if j.fresh { // with its first row
		j.length, j.durable = superblocks, superblocks
		return r, nil
	}
	return r, j.writeEmpty(false)
}

// writeEmpty begins a row without a record, durably, and gives the space of the
// others back: only then, since until the new superblock is on the device it is
// the row before that counts. The target must be durable. closed: nobody has the
// journal any more.
func (j *Journal) writeEmpty(closed bool) error {
	r := j.nextRow(superblocks)
	r.closed = closed
	if _, err := j.file.WriteAt(r.encode(), r.slot()); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.row, j.end = r, r.start
	j.length, j.durable = superblocks, superblocks
	return j.file.Truncate(superblocks)
}

// nextRow is the row after this one, to begin at start.
func (j *Journal) nextRow(start int64) row {
	return row{
		number: j.row.number + 1, start: start, sequence: j.sequence + 1,
		salt: rand.Uint64(), log: j.row.log, identity: j.identity,
	}
}

// readyLocked tells whether a commit can be begun.
func (j *Journal) readyLocked() error {
	switch {
	case j.closed:
		return ErrClosed
	case j.failed != nil:
		return fmt.Errorf("%w: %w", ErrFailed, j.failed)
	}
	if j.ready != nil {
		if err := j.ready(); err != nil {
			return err
		}
	}
	size, err := j.file.Size()
	if err == nil && size < j.durable {
		err = fmt.Errorf("%w: somebody has cut it from %d bytes to %d (Close makes the file whole, opening it again begins a new one)", ErrVanished, j.durable, size)
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
	records, e, _, err := j.readRow()
	if err == nil && (len(records) == 0 || e.sequence != j.sequence) {
		err = fmt.Errorf("%w: commit %d, at byte %d, is not whole any more", ErrDamaged, e.sequence+1, e.at)
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

// Close makes all commits durable in the target and says so in the journal, durably,
// and lets it go. A commit that is pending it finishes first. When it cannot, or
// after a sync that failed, which it says, the journal is left as it is: opening
// again goes on with it.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return j.fail("close", ErrClosed)
	}
	j.closed = true
	err := j.finishLocked()
	if j.failed != nil {
		err = fmt.Errorf("%w: %w", ErrFailed, j.failed)
	}
	if err == nil {
		err = j.syncTarget()
	}
	if err == nil {
		err = j.writeEmpty(true)
	}
	if err = errors.Join(err, j.letGo()); err != nil {
		return j.fail("close", err)
	}
	return nil
}

// letGo ends the lock and closes the file.
func (j *Journal) letGo() error { return errors.Join(j.lock.Release(), j.file.Close()) }

func (j *Journal) fail(op string, err error) error {
	var typed *Error
	if errors.As(err, &typed) {
		return err
	}
	return &Error{Op: op, Path: j.path, Err: err}
}
