package journal

import (
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
	Torn               // a commit that never was: it is not whole
	Whole              // commits, which were applied to the target
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
	Sequence uint64 // of the last commit
	Extents  int    // of all commits, that were written to the target
	Bytes    int64  // in all of them
	Changed  int    // extents where the target has other bytes now than before
	Size     int64  // of the target, as the last commit set it
	Made     bool   // there was no journal, and one was made
}

// readRow returns the records of the row, and where they end. The state is Torn if
// the next one was begun.
func (j *Journal) readRow() (records []record, e end, state State, err error) {
	e, state, err = j.row.walk(j.file, func(r record) (bool, error) {
		whole, err := r.checkData(j.file, nil)
		if whole = whole || j.broken.unchecked; whole {
			records = append(records, r)
		}
		return whole, err
	})
	return records, e, state, err
}

// recover does with the row that counts what the rules of format.go say.
func (j *Journal) recover(h *heads, o Options) (Recovery, error) {
	records, e, tail, err := j.readRow()
	if err != nil {
		return Recovery{}, err
	}
	j.sequence = e.sequence
	r := Recovery{State: max(h.state, tail), Sequence: j.sequence}
	var damaged *damage
	if err := h.judge(j.file, e); errors.As(err, &damaged) && o.Reset {
		j.sequence = damaged.proven // what follows must not look older than what is left
	} else if err != nil && !j.broken.unchecked {
		return r, err
	}
	if o.Reset {
		records = nil
	} else if err := j.row.belongsTo(o, len(records)); err != nil {
		return r, err
	}
	if err := j.secure(records); err != nil || len(records) == 0 {
		return r, err
	}
	for _, record := range records {
		r.State, r.Size = Whole, record.size
		r.Extents += len(record.entries)
		r.Bytes += record.data
	}
	before := j.targetSums(records)
	if err := j.apply(records); err != nil {
		return r, fmt.Errorf("%w: %w", ErrPending, err)
	}
	for i, sum := range j.targetSums(records) {
		if sum != before[i] {
			r.Changed++
		}
	}
	return r, j.syncTarget()
}

// secure writes the row once more and syncs it: it may be in the system's cache
// only, of a process that died before its sync or after one that failed, and the
// cache may think it written. Writing what is on the device already harms nothing.
func (j *Journal) secure(records []record) error {
	if j.broken.noRewrite {
		return nil
	}
	for _, r := range records {
		whole, err := r.checkData(j.file, func(_, journal int64, p []byte) error {
			_, err := j.file.WriteAt(p, journal)
			return err
		})
		if err == nil && !whole && !j.broken.unchecked {
			err = errTwice
		}
		if err == nil {
			_, err = j.file.WriteAt(r.encode(), r.at)
		}
		if err != nil {
			return err
		}
	}
	if _, err := j.file.WriteAt(j.row.encode(), j.row.slot()); err != nil {
		return err
	}
	return j.file.Sync()
}

var errTwice = errors.New("the journal does not read twice the same")

// apply writes the commits to the target, in order. Those that it has already do
// no harm: what several of them wrote is what the last of these wrote in the end,
// and at once, so that whoever looks on does not see the target go back in time.
func (j *Journal) apply(records []record) error {
	j.unsynced = true
	last := make([]byte, chunk)
	for i, r := range records {
		whole, err := r.checkData(j.file, func(target, _ int64, p []byte) error {
			newest := last[:copy(last, p)]
			if err := j.overlay(records[i+1:], newest, target); err != nil {
				return err
			}
			_, err := j.target.WriteAt(newest, target)
			return err
		})
		if err == nil && !whole && !j.broken.unchecked {
			err = errTwice
		}
		if err == nil {
			err = j.resize(r.size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// overlay puts what records have for it over p, which belongs at off of the target.
func (j *Journal) overlay(records []record, p []byte, off int64) error {
	for _, r := range records {
		at := r.at + headerBytes(len(r.entries))
		for _, e := range r.entries {
			begin, end := max(off, e.offset), min(off+int64(len(p)), e.offset+int64(e.length))
			if begin < end {
				if _, err := j.file.ReadAt(p[begin-off:end-off], at+begin-e.offset); err != nil {
					return err
				}
			}
			at += int64(e.length)
		}
	}
	return nil
}

// targetSums are checksums of what the target has where the records' extents are.
// What cannot be read has that of nothing.
func (j *Journal) targetSums(records []record) []uint32 {
	var sums []uint32
	for _, r := range records {
		buffer := make([]byte, min(chunk, r.data))
		for _, e := range r.entries {
			sum := uint32(0)
			for part := io.NewSectionReader(j.target, e.offset, int64(e.length)); ; {
				n, err := part.Read(buffer)
				sum = crc32.Update(sum, castagnoli, buffer[:n])
				if err != nil {
					break
				}
			}
			sums = append(sums, sum)
		}
	}
	return sums
}
