package journal

import (
	"errors"
	"fmt"
	"math"
)

// Span is a part of a commit whose bytes are asked for when they are needed.
type Span struct{ Offset, Length int64 }

// CommitFrom is [Journal.Commit] for more bytes than fit into memory. Read fills p
// with those that belong at off of the target; it is asked twice for each, for the
// journal and for the target, in pieces of up to 256 KiB, and must say the same
// both times. Its error in the first round is one after which nothing has
// happened, in the second one that is [ErrPending].
func (j *Journal) CommitFrom(size int64, spans []Span, read func(p []byte, off int64) error) error {
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
	h, err := j.planSpans(size, spans)
	if err != nil {
		return err
	}
	if err := j.streamLocked(h, spans, read); err != nil {
		if j.failed == nil {
			_ = j.file.Truncate(block) // the disk may be full; the target is whole
		}
		return j.fail("commit", err)
	}
	j.pending = true
	err = eachPiece(spans, read, func(_ int, p []byte, off int64) error {
		_, err := j.target.WriteAt(p, off)
		return err
	})
	if err != nil {
		return j.fail("commit", fmt.Errorf("%w: %w", ErrPending, err))
	}
	if err := j.settleLocked(h); err != nil {
		return j.fail("commit", err)
	}
	return nil
}

func (j *Journal) planSpans(size int64, spans []Span) (*header, error) {
	h := &header{sequence: j.sequence + 1, size: size, state: stateCommit, identity: j.identity}
	h.entries = make([]entry, 0, len(spans))
	for _, s := range spans {
		if s.Offset < 0 || s.Length < 0 || s.Offset > size-s.Length || s.Length > math.MaxUint32 || len(h.entries) == maxExtents {
			return nil, &Error{Op: "commit", Path: j.path, Offset: s.Offset, Length: s.Length, Err: ErrExtent}
		}
		h.entries = append(h.entries, entry{offset: s.Offset, length: uint32(s.Length)})
		h.data += s.Length
	}
	return h, nil
}

// streamLocked is writeLocked with bytes that come piece by piece.
func (j *Journal) streamLocked(h *header, spans []Span, read func(p []byte, off int64) error) error {
	w := chunkWriter{file: j.file, at: headerBytes(len(spans)), buffer: make([]byte, 0, min(chunk, roundUp(h.data)))}
	for i := range h.entries {
		h.entries[i].crc = h.seed()
	}
	err := eachPiece(spans, read, func(i int, p []byte, _ int64) (err error) {
		h.entries[i].crc, err = w.write(p, h.entries[i].crc)
		return err
	})
	if err = errors.Join(err, w.padAfter(err)); err != nil {
		return err
	}
	return j.sealLocked(h)
}

func (w *chunkWriter) padAfter(err error) error {
	if err != nil {
		return nil //nolint:nilerr // the caller has it
	}
	return w.pad()
}

// eachPiece hands the bytes of the spans to use, in order.
func eachPiece(spans []Span, read func([]byte, int64) error, use func(i int, p []byte, off int64) error) error {
	buffer := make([]byte, chunk)
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
}
