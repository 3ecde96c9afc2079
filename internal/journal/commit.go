package journal

import (
	"fmt"
	"math"
)

// Span is a part of a commit whose bytes are asked for when they are needed.
type Span struct{ Offset, Length int64 }

// pieces is where a commit's bytes come from. It calls use with those of each of
// its spans, in order and in one or several pieces: of which span they are, and
// where they belong. It is called twice, for the journal and for the target.
type pieces func(use func(span int, p []byte, off int64) error) error

// Commit makes the extents durable in the target together, or none of them, and
// sets its size. It syncs the device once, or now and then twice; a commit that
// changes nothing does nothing. The extents must lie inside of the new size; where
// they overlap, later ones win. Their bytes must not change meanwhile.
//
// When it has returned, the journal has the commit on the device, and the target
// in the system's memory: after a power cut it is [Open] that puts it there.
//
// An error that is [ErrPending] says that the commit is durable in the journal: it
// will be in the target. After a sync that failed it may or may not have
// happened, which opening again decides, and every later Commit returns
// [ErrFailed]. After any other error nothing has happened.
func (j *Journal) Commit(size int64, extents []Extent) error {
	spans := make([]Span, len(extents))
	for i, e := range extents {
		spans[i] = Span{e.Offset, int64(len(e.Data))}
	}
	return j.commit(size, spans, func(use func(int, []byte, int64) error) error {
		for i, e := range extents {
			if err := use(i, e.Data, e.Offset); err != nil {
				return err
			}
		}
		return nil
	})
}

// CommitFrom is [Journal.Commit] for more bytes than fit into memory. Read fills p
// with those that belong at off of the target; it is asked twice for each, for the
// journal and for the target, in pieces of up to 256 KiB, and must say the same
// both times. Its error in the first round is one after which nothing has
// happened, in the second one that is [ErrPending].
func (j *Journal) CommitFrom(size int64, spans []Span, read func(p []byte, off int64) error) error {
	longest := int64(0)
	for _, s := range spans {
		longest = max(longest, s.Length)
	}
	buffer := make([]byte, min(longest, chunk))
	return j.commit(size, spans, func(use func(int, []byte, int64) error) error {
		for i, s := range spans {
			for done := int64(0); done < s.Length; {
				p := buffer[:min(s.Length-done, chunk)]
				if err := read(p, s.Offset+done); err != nil {
					return err
				}
				if err := use(i, p, s.Offset+done); err != nil {
					return err
				}
				done += int64(len(p))
			}
		}
		return nil
	})
}

func (j *Journal) commit(size int64, spans []Span, each pieces) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.readyLocked()
	if err == nil {
		err = j.finishLocked()
	}
	if err != nil {
		return j.fail("commit", err)
	}
	old, err := j.target.Size()
	if err != nil {
		return j.fail("commit", err)
	}
	if len(spans) == 0 && size == old {
		return nil
	}
	h, err := j.plan(size, spans)
	if err != nil {
		return err
	}
	if err := j.writeLocked(h, each); err != nil {
		return j.fail("commit", err)
	}
	j.pending, j.unsynced = true, true
	err = each(func(_ int, p []byte, off int64) error {
		_, err := j.target.WriteAt(p, off)
		return err
	})
	if err == nil {
		err = j.resize(size)
	}
	if err != nil {
		return j.fail("commit", fmt.Errorf("%w: %w", ErrPending, err))
	}
	j.pending = false
	return nil
}

// plan makes the header of a commit, without the checksums of the data and the
// salt of the row, which is not known yet.
func (j *Journal) plan(size int64, spans []Span) (*header, error) {
	h := &header{sequence: j.sequence + 1, log: j.row.log, size: size, entries: make([]entry, 0, len(spans))}
	if len(spans) > maxExtents {
		return nil, &Error{Op: "commit", Path: j.path, Err: ErrParts}
	}
	for _, s := range spans {
		if s.Offset < 0 || s.Length < 0 || s.Offset > size-s.Length || s.Length > math.MaxUint32 {
			return nil, &Error{Op: "commit", Path: j.path, Offset: s.Offset, Length: s.Length, Err: ErrExtent}
		}
		h.entries = append(h.entries, entry{offset: s.Offset, length: uint32(s.Length)})
		h.data += s.Length
	}
	return h, nil
}

// writeLocked makes a commit durable in the journal: in this row, or as the first
// record of the next, before which the target is made durable.
func (j *Journal) writeLocked(h *header, each pieces) error {
	r, at := j.row, j.end
	if at > r.start && at+h.bytes() > r.start+j.rowBytes {
		if err := j.syncTarget(); err != nil {
			return err
		}
		r = j.nextRow(j.placeFor(h.bytes()))
		at = r.start
	}
	h.salt, h.least = r.salt, min(j.durable, at+j.rowBytes)
	if err := j.writeRecord(h, at, each); err != nil {
		if keep := max(j.end, j.durable); j.length > j.end {
			if j.length > keep {
				_ = j.file.Truncate(keep) // the disk may be full; the row is whole
				j.length = keep
			}
			j.mark()
		}
		return err
	}
	j.growAhead(r, at+h.bytes(), h.bytes())
	if r.number != j.row.number {
		if _, err := j.file.WriteAt(r.encode(), r.slot()); err != nil {
			return err // it is torn at most: this row goes on
		}
	}
	if !j.broken.noJournalSync {
		if err := j.file.Sync(); err != nil {
			j.failed = err
			return err
		}
	}
	j.row, j.end, j.sequence = r, at+h.bytes(), h.sequence
	j.durable = j.length
	j.giveBack()
	j.mark()
	return nil
}

// mark says behind the row that all of it is durable. It only serves to tell a
// journal that was damaged: what fails is left at that.
func (j *Journal) mark() {
	if j.end == j.row.start {
		return
	}
	h := header{salt: j.row.salt, log: j.row.log, sequence: j.sequence, least: min(j.durable, j.end+j.rowBytes)}
	if _, err := j.file.WriteAt(h.encodeMark(), j.end); err == nil {
		j.length = max(j.length, j.end+block)
	}
}

// placeFor is where a row that begins with a record of n bytes may begin: nowhere
// on the row before it, which counts until the new superblock is on the device.
// So rows lie in two places in turn.
func (j *Journal) placeFor(n int64) int64 {
	if superblocks+n <= j.row.start || j.broken.overlap {
		return superblocks
	}
	return max(j.end+block, superblocks+j.rowBytes) // behind the row's last mark
}

// writeRecord writes a record at an offset of the journal: the data, whose
// checksums it fills in on the way, and then the header.
func (j *Journal) writeRecord(h *header, at int64, each pieces) error {
	w := chunkWriter{file: j.file, at: at + headerBytes(len(h.entries)), buffer: make([]byte, 0, min(chunk, roundUp(h.data)))}
	j.length = max(j.length, at+h.bytes()) // also when it fails half way
	for i := range h.entries {
		h.entries[i].crc = h.seed()
	}
	err := each(func(i int, p []byte, _ int64) (err error) {
		h.entries[i].crc, err = w.write(p, h.entries[i].crc)
		return err
	})
	if err == nil {
		err = w.pad()
	}
	if err == nil {
		_, err = j.file.WriteAt(h.encode(), at)
	}
	return err
}

// growAhead writes zeros behind a row that ends at end, as many as the row has bytes,
// up to 1 MiB, and as a row may have, but a block for the mark at least: a sync is
// cheaper when the file has its blocks already than when it has become longer. It does
// so while there is room for one more record of n bytes, which then says that the file
// was as long before it: so a journal that was cut is told from one that is torn.
// Without room on the device it becomes longer with each record.
func (j *Journal) growAhead(r row, end, n int64) {
	full, need := r.start+j.rowBytes, end+block
	if end+n <= full { // else the next record begins another row
		need = max(need, min(need+n, full))
	}
	if need <= j.length {
		return
	}
	from := max(end, j.length)
	ahead := min(max(end-r.start, need-from), max(full-from, need-from, block), 1<<20)
	if _, err := j.file.WriteAt(make([]byte, ahead), from); err == nil {
		j.length = from + ahead
	}
}

// giveBack cuts off what a much larger commit has left behind the row, which is
// durable and the only one that counts.
func (j *Journal) giveBack() {
	if j.row.start > superblocks || j.length <= 4*(j.end+j.rowBytes) {
		return
	}
	if end := j.end + 2*j.rowBytes; j.file.Truncate(end) == nil {
		j.length, j.durable = end, min(j.durable, end)
	}
}

// resize gives the target a size.
func (j *Journal) resize(size int64) error {
	old, err := j.target.Size()
	if err == nil && old != size {
		err = j.target.Truncate(size)
	}
	return err
}
