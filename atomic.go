package filemap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/filemap-go/filemap/internal/journal"
	"github.com/filemap-go/filemap/internal/sys"
)

// An Atomic Map is a Staged one whose changed pages take a way round to the file:
//
//	pages of our own ──1 write──► journal ──2 sync──► 3 write to the file
//
// so that at every moment the journal and the file together are whole
// (internal/journal, docs/design/0005-the-journal-is-a-log.md). The file is synced when the
// journal has some MiB of commits, and by Close: then it is whole alone. The file's
// own bytes are never anything but the user's.
//
// Lock order: gate, Map.mu, syncState.mu, Journal.mu.

// JournalSuffix is what the name of an [Atomic] file's journal ends with, behind
// the file's own name with symbolic links resolved.
const JournalSuffix = ".journal"

// What can be wrong with a journal.
var (
	// ErrLocked: another Atomic Map has the file, in this process or another, by this
	// name or by another one.
	ErrLocked = journal.ErrLocked

	// ErrPending: the commit is durable in the journal, but could not be written to
	// the file, whose disk is full, say. It will be there: Commit again, which first
	// goes on with it, or Close, or open again. Until then others may read half of
	// it, but for [ReadCommitted].
	ErrPending = journal.ErrPending

	// ErrJournalGone: somebody has removed, renamed or cut the journal of an open Map.
	// Nothing was written, and the stores are still in memory.
	ErrJournalGone = journal.ErrVanished

	// ErrFileGone: the file of an open Map was removed, renamed, or replaced by
	// another: after a crash nobody would find the journal of this one. Nothing was
	// written, and the stores are still in memory.
	ErrFileGone = journal.ErrTargetGone

	// ErrHardLinks: the file has several names, and beside the one by which it was
	// to be opened is no journal. There may be one beside another name.
	ErrHardLinks = errors.New("the file has several names (hard links) and no journal beside this one (open it by the name that has the journal, or remove the others)")

	// ErrNotJournal: a file is in the journal's place that is none. It is left alone.
	ErrNotJournal = journal.ErrNotJournal

	// ErrJournalVersion: the journal is a newer version's.
	ErrJournalVersion = journal.ErrVersion

	// ErrJournalDamaged: the journal has lost commits that it had once. To apply what
	// is left would turn a part of the file back: neither is changed.
	ErrJournalDamaged = journal.ErrDamaged

	// ErrForeignJournal: the journal was in use with another file when its writer died
	// or it was copied, and this one has taken that one's name, or is a copy: see
	// [AdoptJournal].
	ErrForeignJournal = journal.ErrForeign

	// ErrBusy: [ReadCommitted] found no moment between two commits.
	ErrBusy = journal.ErrBusy
)

// RecoveryState says what the journal of an Atomic file held when it was opened.
type RecoveryState uint8

// The states.
const (
	// NotNeeded: nothing. The file was closed in order, or nothing was committed
	// since, or it was never opened Atomic.
	NotNeeded RecoveryState = RecoveryState(journal.Empty)
	// Ignored: only a commit that was under way and had not been written whole. It
	// did not happen, and no byte of it is in the file.
	Ignored RecoveryState = RecoveryState(journal.Torn)
	// Applied: whole commits, the last ones before the process or the machine died.
	// They were written to the file, once more if they were there already.
	Applied RecoveryState = RecoveryState(journal.Whole)
)

// String returns "not needed", "ignored" or "applied".
func (s RecoveryState) String() string {
	switch s {
	case Ignored:
		return "ignored"
	case Applied:
		return "applied"
	case NotNeeded:
	}
	return "not needed"
}

// Recovery is what opening an [Atomic] file found in its journal, and did.
type Recovery struct {
	State    RecoveryState
	Journal  string // its path; "" when the Map is not Atomic
	Sequence uint64 // the number of the last commit
	Extents  int    // parts of the file that were written, in all commits
	Bytes    int64  // in these
	Changed  int    // extents where the file has other bytes now than before
}

// Recovery tells what opening this Map found in its journal.
func (m *Map) Recovery() Recovery {
	if m.stage == nil {
		return Recovery{}
	}
	return m.stage.recovery
}

// committed is what an Atomic Map holds of its file besides its descriptor.
type committed struct {
	*journal.Journal
	place journal.Place // the journal's, in the file's directory
	lock  sys.Lock      // on the file itself, by whatever name it is opened
}

// Close closes the journal, and then ends the lock.
func (c *committed) Close() error {
	return errors.Join(c.Journal.Close(), c.lock.Release(), c.place.Close())
}

// openJournal takes the lock on f, and on its journal, and brings f to a whole
// state, or with reset empties the journal.
func (c *config) openJournal(f sys.File, path string, reset bool) error {
	if !c.has(Atomic) || c.journal != nil {
		return nil
	}
	if _, err := regularSize(f); err != nil {
		return err
	}
	file, err := followLinks(path)
	if err != nil {
		return err
	}
	c.recovery.Journal = file + JournalSuffix
	opened := &committed{}
	if opened.place, err = journal.PlaceOf(c.recovery.Journal); err != nil {
		return err
	}
	if opened.lock, err = f.TryLock(); errors.Is(err, sys.ErrLocked) {
		err = ErrLocked
	}
	if err == nil {
		err = c.startJournal(opened, f, reset)
	}
	if err != nil {
		return spaceError(errors.Join(err, opened.lock.Release(), opened.place.Close()))
	}
	c.journal = opened
	return nil
}

// startJournal opens the journal of f, which is locked.
func (c *config) startJournal(opened *committed, f sys.File, reset bool) error {
	place := opened.place
	inPlace := func() error {
		same, err := place.Dir.Has(strings.TrimSuffix(place.Name, JournalSuffix), f)
		if err == nil && !same {
			err = ErrFileGone
		}
		return err
	}
	if err := inPlace(); err != nil {
		return err
	}
	id, err := f.Identity()
	if err != nil {
		return err
	}
	o := journal.Options{Identity: journal.Identity(id), Adopt: c.has(AdoptJournal), Reset: reset, File: f, Ready: inPlace}
	if names, err := f.Names(); err != nil {
		return err
	} else if names > 1 {
		o.Missing = ErrHardLinks
	}
	c.target = newTarget(f)
	j, r, err := journal.Open(place, c.target, o)
	if err != nil {
		return err
	}
	opened.Journal, c.journalMade = j, r.Made
	c.recovery = Recovery{
		State: RecoveryState(r.State), Journal: place.Path,
		Sequence: r.Sequence, Extents: r.Extents, Bytes: r.Bytes, Changed: r.Changed,
	}
	return nil
}

// followLinks returns the name of the file itself where path names a symbolic link
// to it: all who open it must find the same journal. The directory is left as it
// is written, since the kernel may know it (/proc/PID/root) and Go not.
func followLinks(path string) (string, error) {
	for range 40 { // as many as Linux follows
		st, err := os.Lstat(path)
		if err != nil || st.Mode()&fs.ModeSymlink == 0 {
			return path, err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return path, err
		}
		if !filepath.IsAbs(target) {
			// Not Join: ".." is the kernel's to resolve.
			target = filepath.Dir(path) + string(filepath.Separator) + target
		}
		path = target
	}
	return path, fmt.Errorf("%s: too many symbolic links", path)
}

// closeJournal takes openJournal back, for an open that failed for another reason.
func (c *config) closeJournal() {
	if c.journal == nil {
		return
	}
	if c.fresh && c.journalMade {
		_ = c.journal.place.Dir.Remove(c.journal.place.Name)
	}
	_ = c.journal.Close() // the caller is told why
	c.journal = nil
}

// Commit makes all stores to an [Atomic] Map since the last one durable together:
// when it returns nil they are on the device, and whatever happens meanwhile, the
// death of the process or a power cut, after it either all of them are there or
// none. It costs one sync of the device, two when the journal begins anew, and
// none when nothing was stored. Sync is the same.
//
// On the device they are in the journal: the file has them in the system's memory,
// where others find them, and after a power cut it is opening it Atomic again that
// puts them there. [Map.Close] makes the file whole without its journal.
//
// When it returns an error nothing was committed, and what was stored is still in
// memory, to be committed later ([ErrNoSpace], [ErrDirtyLimit], [ErrJournalGone];
// with [ErrTruncated] as far as the file has not been cut: if it was cut before the
// last page stored to, Commit fails until [Map.Discard]), but for two cases. With [ErrPending] all of it is committed
// and not yet in the file. When a sync failed nobody can tell, as with [Map.Sync]:
// every later Commit returns that error, and opening again finds out.
//
// Stores wait for it, as for the Sync of any [Staged] Map.
func (m *Map) Commit() error {
	if m.stage == nil || m.stage.journal == nil {
		return m.fail("commit", 0, 0, fmt.Errorf("%w: only an Atomic Map commits", ErrOption))
	}
	return m.syncStaged("commit", 0, ToEnd)
}

// commitSpans writes changed pages by way of the journal.
func (m *Map) commitSpans(spans []sys.Span) error {
	if m.stage.uncommitted {
		return m.writeDurably(spans)
	}
	var total int64
	for _, span := range spans {
		total += int64(span.Len)
	}
	if limit := m.stage.limit.Load(); total > limit {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrDirtyLimit, total, limit)
	}
	size, err := m.stillAsLong() // once more: the commit sets this very size
	if err != nil {
		return err
	}
	if sys.DropsPrivate {
		err = m.stage.journal.CommitFrom(size, m.journalSpans(spans), func(p []byte, off int64) error {
			return m.copyLocked("commit", p, off-m.offset)
		})
	} else {
		err = m.stage.journal.Commit(size, m.extents(spans))
	}
	switch {
	case m.stage.journal.Failed():
		m.sync.failed = err
	case errors.Is(err, journal.ErrParts):
		err = fmt.Errorf("%w: %w", ErrDirtyLimit, err)
	}
	return spaceError(err)
}

// extentBytes bounds an extent, of which a journal has the length in 32 bits.
const extentBytes = 1 << 30

// journalSpans is where the mapped bytes of spans belong in the file.
func (m *Map) journalSpans(spans []sys.Span) []journal.Span {
	parts, size := make([]journal.Span, 0, len(spans)), m.size.Load()
	for _, span := range spans {
		at, b := m.clip(span, size)
		for n := int64(len(b)); n > 0; {
			part := min(n, extentBytes)
			parts = append(parts, journal.Span{Offset: m.offset + at, Length: part})
			at, n = at+part, n-part
		}
	}
	return parts
}

// extents are copies of the mapped bytes of spans: nothing keeps a store from
// changing these while they are written, as freeze does elsewhere.
func (m *Map) extents(spans []sys.Span) []journal.Extent {
	var extents []journal.Extent
	for _, part := range m.journalSpans(spans) {
		at := part.Offset - m.offset
		extents = append(extents, journal.Extent{Offset: part.Offset, Data: bytes.Clone(m.data[at : at+part.Length])})
	}
	return extents
}

// finishCommit goes on with a commit that the file has not all of.
func (m *Map) finishCommit() error {
	if m.stage.journal == nil {
		return nil
	}
	err := m.stage.journal.Finish()
	if err != nil && m.stage.journal.Failed() {
		m.sync.failed = err
	}
	return spaceError(err)
}

// ReadCommitted fills p from off of the file at path with bytes that all belong to
// the same commit, while an [Atomic] Map of another process, or of this one,
// commits, and also when that has died in the middle. It returns how many there
// are, and io.EOF where the file ends before len(p).
//
// It takes no lock and keeps nobody waiting. It costs two opens, the reading of p
// and of the last commit in the journal, and a look at each of those before it
// that the file may not have on the device, of which there are 16 MiB at most. It
// begins again when the journal has begun anew meanwhile; a writer that fills it all
// the time can keep it from an end until ctx has one ([ErrBusy]). Any other way to
// read the file, a mapping too, sees single pages of a commit that is being written,
// and after a power cut, until the file is opened Atomic, any part of the last
// commits.
func ReadCommitted(ctx context.Context, path string, p []byte, off int64) (int, error) {
	fail := func(err error) error {
		return &Error{Op: "read committed", Path: path, Offset: off, Length: int64(len(p)), Err: err}
	}
	if off < 0 {
		return 0, fail(ErrBounds)
	}
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return 0, fail(explainOpen(path, err))
	}
	defer func() { _ = f.Close() }() // opened for reading; also when p is a mapping's and faults
	if st, err := f.Stat(); err == nil && st.Kind != sys.Regular {
		return 0, fail(fmt.Errorf("%w, this is %v", ErrNotRegular, st.Kind))
	}
	n, err := readCommitted(ctx, f, path, p, off)
	var typed *journal.Error
	if errors.As(err, &typed) {
		err = fail(err)
	}
	return n, err
}

func readCommitted(ctx context.Context, f sys.File, path string, p []byte, off int64) (int, error) {
	file, err := followLinks(path)
	if err != nil {
		return 0, err
	}
	id, err := f.Identity()
	if err != nil {
		return 0, err
	}
	place, err := journal.PlaceOf(file + JournalSuffix)
	if err != nil {
		return 0, err
	}
	defer func() { _ = place.Close() }()
	return journal.Read(ctx, place, journal.TargetOf(f), journal.Options{Identity: journal.Identity(id)}, p, off)
}
