package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// State is what a journal was found to hold.
type State uint8

// The states.
const (
	Empty State = iota // nothing: the target was left in order, or is new
	Torn               // a commit that never was: its journal is not whole
	Whole              // a commit, which was applied to the target
)

// String names the state.
func (s State) String() string {
	switch s {
	case Torn:
		return "torn"
	case Whole:
		return "whole"
	}
	return "empty"
}

// Recovery is what [Open] found and did.
type Recovery struct {
	State    State
	Sequence uint64 // of the commit
	Extents  int    // that were written to the target
	Bytes    int64  // in all of them
	Changed  int    // extents that the target had not, or had differently
	Size     int64  // of the target, as the commit set it
	Made     bool   // there was no journal, and one was made
}

// readJournal reads a journal's header and checks everything but whose it is. Of a
// torn one the header is returned as far as it is known.
func readJournal(f File) (header, State, error) {
	size, err := f.Size()
	if err != nil {
		return header{}, Empty, err
	}
	h, state, _, err := readHeader(f, size)
	if err != nil || state != Whole {
		return h, state, err
	}
	whole, err := checkData(f, &h, nil)
	if err == nil && !whole {
		state = Torn
	}
	return h, state, err
}

// readHeader reads the header of a journal of size bytes, and returns its bytes
// too. The state is Whole when it announces data, which are not looked at.
func readHeader(f io.ReaderAt, size int64) (header, State, []byte, error) {
	b, err := readSome(f, 0, min(size, block))
	if err != nil {
		return header{}, Empty, nil, err
	}
	p, err := parsePrefix(b, size)
	switch {
	case err != nil:
		return header{}, Empty, b, err
	case p.empty:
		return header{}, Empty, b, nil
	case p.torn:
		return header{}, Torn, b, nil
	}
	if b, err = readSome(f, 0, p.bytes); err != nil {
		return header{}, Empty, b, err
	}
	if int64(len(b)) < p.bytes {
		return header{}, Torn, b, nil
	}
	h, whole := parseHeader(b, p.extents, size)
	switch {
	case !whole:
		return h, Torn, b, nil
	case h.state == stateEmpty:
		return h, Empty, b, nil
	}
	return h, Whole, b, nil
}

// readSome reads n bytes, or fewer where the file ends before.
func readSome(f io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := f.ReadAt(b, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:got], err
}

// checkData compares the data with their checksums. each, if not nil, is called
// with the bytes of extent i in pieces, before they are checked.
func checkData(f io.ReaderAt, h *header, each func(i int, target, journal int64, p []byte) error) (whole bool, err error) {
	at, seed := headerBytes(len(h.entries)), h.seed()
	buffer := make([]byte, min(chunk, h.data))
	for i, e := range h.entries {
		sum := seed
		for done := int64(0); done < int64(e.length); {
			p := buffer[:min(int64(len(buffer)), int64(e.length)-done)]
			if n, err := f.ReadAt(p, at); n < len(p) {
				if errors.Is(err, io.EOF) {
					return false, nil
				}
				return false, err
			}
			if each != nil {
				if err := each(i, e.offset+done, at, p); err != nil {
					return false, err
				}
			}
			sum = crc32.Update(sum, castagnoli, p)
			at += int64(len(p))
			done += int64(len(p))
		}
		if sum != e.crc {
			return false, nil
		}
	}
	return true, nil
}

// recover does with a journal what the rules of format.go say.
func (j *Journal) recover(h header, state State, adopt bool) (Recovery, error) {
	r := Recovery{State: state, Sequence: h.sequence}
	if state != Whole {
		return r, nil
	}
	if h.identity != j.identity && !adopt {
		return r, ErrForeign
	}
	changed, err := j.replay(h)
	if err != nil {
		return r, err
	}
	r.Extents, r.Bytes, r.Size, r.Changed = len(h.entries), h.data, h.size, changed
	return r, nil
}

// replay applies the journal's commit, which was checked, to the target. The
// journal is written and synced once more before: its bytes may be in the system's
// cache only, of a process that died before its sync or after one that failed, and
// the cache may think them written. It returns the number of extents that changed
// the target.
func (j *Journal) replay(h header) (changed int, err error) {
	rewrite := func(_ int, _, journal int64, p []byte) error {
		_, err := j.file.WriteAt(p, journal)
		return err
	}
	whole, err := checkData(j.file, &h, rewrite)
	switch {
	case err != nil:
		return 0, err
	case !whole && !j.broken.unchecked:
		return 0, fmt.Errorf("%w: the journal does not read twice the same", ErrPending)
	}
	if _, err := j.file.WriteAt(h.encode(), 0); err != nil {
		return 0, err
	}
	if !j.broken.noJournalSync {
		if err := j.file.Sync(); err != nil {
			j.failed = err
			return 0, err
		}
	}
	j.dirty, j.pending = true, true
	changed, err = j.copyToTarget(&h)
	if err != nil {
		return changed, fmt.Errorf("%w: %w", ErrPending, err)
	}
	return changed, j.settleLocked(&h)
}

// copyToTarget writes the journal's data to the target, and counts the extents
// that were not there before.
func (j *Journal) copyToTarget(h *header) (changed int, err error) {
	was := make([]byte, min(chunk, h.data))
	last := -1
	_, err = checkData(j.file, h, func(i int, target, _ int64, p []byte) error {
		n, _ := j.target.ReadAt(was[:len(p)], target) // what cannot be read differs
		if i != last && !bytes.Equal(was[:n], p) {
			changed++
			last = i
		}
		_, err := j.target.WriteAt(p, target)
		return err
	})
	return changed, err
}
