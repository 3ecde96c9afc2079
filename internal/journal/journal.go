package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
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

	mu       sync.Mutex
	sequence uint64 // of the last commit, or of the one that the journal holds
	dirty    bool   // the file holds something else than an empty header
	pending  bool   // the file holds a commit that the target has not all of
	failed   error
	closed   bool

	broken broken
}

// broken leaves out what makes a commit safe, so that tests can show that they
// would notice.
type broken struct {
	noJournalSync bool // step 2
	noTargetSync  bool // step 4
	unchecked     bool // a torn journal is applied
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
// on it, and brings target to a whole state: a whole journal is applied and
// synced, a torn one ignored. It says what it found. The lock ends with Close, or
// with the process.
func Open(path string, target Target, o Options) (*Journal, Recovery, error) {
	f, fresh, err := openFile(path)
	if err != nil {
		return nil, Recovery{}, &Error{Op: "open", Path: path, Err: err}
	}
	j := &Journal{path: path, file: fileOf{f}, target: target, identity: o.Identity}
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
	return openOn(file, target, o, broken{})
}

func openOn(file File, target Target, o Options, b broken) (*Journal, Recovery, error) {
	j := &Journal{file: file, target: target, identity: o.Identity, broken: b}
	r, err := j.start(o)
	if err != nil {
		return nil, Recovery{}, j.fail("open", errors.Join(err, file.Close()))
	}
	return j, r, nil
}

// start reads the journal, applies it or not, and leaves it with a header.
func (j *Journal) start(o Options) (Recovery, error) {
	h, state, err := readJournal(j.file)
	if err != nil {
		return Recovery{}, err
	}
	if j.broken.unchecked && state == Torn && h.entries != nil {
		state = Whole
	}
	j.sequence = h.sequence
	if state == Empty && h.sequence != 0 {
		return Recovery{Sequence: h.sequence}, nil
	}
	var r Recovery
	if !o.Reset {
		if r, err = j.recover(h, state, o.Adopt); err != nil {
			return r, err
		}
	}
	return r, j.writeEmpty()
}

// writeEmpty leaves an empty journal, durably, and gives its space back.
func (j *Journal) writeEmpty() error {
	h := header{sequence: j.sequence + 1, identity: j.identity}
	b := h.encode()
	if _, err := j.file.WriteAt(b, 0); err != nil {
		return err
	}
	if err := j.file.Truncate(int64(len(b))); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.sequence, j.dirty = h.sequence, false
	return nil
}

// Commit makes the extents durable in the target together, or none of them, and
// sets its size. It syncs twice; a commit that changes nothing does nothing. The
// extents must lie inside of the new size; where they overlap, later ones win.
// Their bytes must not change meanwhile.
//
// An error that is [ErrPending] says that the commit is durable in the journal: it
// will be in the target. After a sync that failed it may or may not have
// happened, which opening again decides, and every later Commit returns
// [ErrFailed]. After any other error nothing has happened.
func (j *Journal) Commit(size int64, extents []Extent) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.readyLocked(); err != nil {
		return j.fail("commit", err)
	}
	if err := j.finishLocked(); err != nil {
		return j.fail("commit", err)
	}
	old, err := j.target.Size()
	if err != nil {
		return j.fail("commit", err)
	}
	if len(extents) == 0 && size == old {
		return nil
	}
	h, err := j.plan(size, extents)
	if err != nil {
		return err
	}
	if err := j.writeLocked(h, extents); err != nil {
		if j.failed == nil {
			_ = j.file.Truncate(block) // the disk may be full; the target is whole
		}
		return j.fail("commit", err)
	}
	j.pending = true
	if err := j.applyLocked(h, extents); err != nil {
		return j.fail("commit", err)
	}
	return nil
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

// plan makes the header of a commit, without the checksums of the data.
func (j *Journal) plan(size int64, extents []Extent) (*header, error) {
	h := &header{sequence: j.sequence + 1, size: size, state: stateCommit, identity: j.identity}
	h.entries = make([]entry, 0, len(extents))
	for _, e := range extents {
		n := int64(len(e.Data))
		if e.Offset < 0 || e.Offset > size-n || n > math.MaxUint32 || len(h.entries) == maxExtents {
			return nil, &Error{Op: "commit", Path: j.path, Offset: e.Offset, Length: n, Err: ErrExtent}
		}
		h.entries = append(h.entries, entry{offset: e.Offset, length: uint32(n)})
		h.data += n
	}
	return h, nil
}

// writeLocked does steps 1 and 2. The data come first and the header last, so
// that whoever reads meanwhile sees the header of the commit before, whose data
// are broken, and not this one's.
func (j *Journal) writeLocked(h *header, extents []Extent) error {
	w := chunkWriter{file: j.file, at: headerBytes(len(extents)), buffer: make([]byte, 0, min(chunk, roundUp(h.data)))}
	seed := h.seed()
	for i, e := range extents {
		sum, err := w.write(e.Data, seed)
		if err != nil {
			return err
		}
		h.entries[i].crc = sum
	}
	if err := w.pad(); err != nil {
		return err
	}
	return j.sealLocked(h)
}

// sealLocked ends step 1 with the header, and does step 2.
func (j *Journal) sealLocked(h *header) error {
	j.dirty = true
	if _, err := j.file.WriteAt(h.encode(), 0); err != nil {
		return err
	}
	j.sequence = h.sequence
	if j.broken.noJournalSync {
		return nil
	}
	if err := j.file.Sync(); err != nil {
		j.failed = err
		return err
	}
	return nil
}

// chunkWriter writes data in large pieces, whole blocks.
type chunkWriter struct {
	file   io.WriterAt
	at     int64
	buffer []byte
}

// write appends p and returns its checksum, of the bytes that are written.
func (w *chunkWriter) write(p []byte, seed uint32) (uint32, error) {
	sum := seed
	for len(p) > 0 {
		free := w.buffer[len(w.buffer):cap(w.buffer)]
		n := copy(free, p)
		sum = crc32.Update(sum, castagnoli, free[:n])
		w.buffer = w.buffer[:len(w.buffer)+n]
		p = p[n:]
		if len(w.buffer) == cap(w.buffer) {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return sum, nil
}

func (w *chunkWriter) flush() error {
	n, err := w.file.WriteAt(w.buffer, w.at)
	w.at += int64(n)
	w.buffer = w.buffer[:0]
	return err
}

// pad ends the data with zeros up to a whole block.
func (w *chunkWriter) pad() error {
	n := len(w.buffer)
	if n == 0 {
		return nil
	}
	w.buffer = w.buffer[:roundUp(int64(n))]
	clear(w.buffer[n:])
	return w.flush()
}

// applyLocked does steps 3 and 4.
func (j *Journal) applyLocked(h *header, extents []Extent) error {
	for _, e := range extents {
		if _, err := j.target.WriteAt(e.Data, e.Offset); err != nil {
			return fmt.Errorf("%w: %w", ErrPending, err)
		}
	}
	return j.settleLocked(h)
}

// settleLocked ends step 3 with the size, and does step 4.
func (j *Journal) settleLocked(h *header) error {
	size, err := j.target.Size()
	if err == nil && size != h.size {
		err = j.target.Truncate(h.size)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPending, err)
	}
	if j.broken.noTargetSync {
		j.pending = false
		return nil
	}
	if err := j.target.Sync(); err != nil {
		j.failed = err
		return err
	}
	j.pending = false
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

// Finish writes a pending commit to the target, if there is one, and syncs it.
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

// finishLocked applies what the journal holds, if the target has not all of it.
func (j *Journal) finishLocked() error {
	if !j.pending {
		return nil
	}
	h, state, err := readJournal(j.file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPending, err)
	}
	if state != Whole {
		return fmt.Errorf("%w: it was changed there", ErrPending)
	}
	_, err = j.replay(h)
	return err
}

// Sequence returns the number of the last commit, or of the last time that the
// journal was emptied. It never comes back.
func (j *Journal) Sequence() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sequence
}

// Close marks the journal empty, durably, and lets it go. After a sync that
// failed, and while a commit is pending, it leaves it as it is: opening again goes
// on with it.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return j.fail("close", ErrClosed)
	}
	j.closed = true
	var err error
	if j.dirty && !j.pending && j.failed == nil {
		err = j.writeEmpty()
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
