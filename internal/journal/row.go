package journal

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

// Source is a file that is only read.
type Source interface {
	io.ReaderAt
	Size() (int64, error)
}

// record is a commit of a row, and where it is in the journal.
type record struct {
	*header
	at int64
}

// heads is what the two superblocks say.
type heads struct {
	row    row     // that counts
	broken [2]bool // of the two blocks, is none that was written whole
	state  State   // Torn if one was begun
	bytes  []byte
}

// readHeads reads the superblocks.
func readHeads(f Source) (h heads, err error) {
	if h.bytes, err = readSome(f, 0, superblocks); err != nil {
		return h, err
	}
	for slot := range h.broken {
		at := int64(slot) * block
		b := h.bytes[min(at, int64(len(h.bytes))):]
		r, found, err := parseRow(b[:min(block, len(b))], at)
		if err != nil {
			return h, err
		}
		if found == Torn {
			h.state = Torn
		}
		h.broken[slot] = found != Whole
		if r.number > h.row.number {
			h.row = r
		}
	}
	if h.row.number == 1 && isZero(h.bytes[:block]) {
		h.broken[0] = false // nothing was written there yet
	}
	switch {
	case h.row.number == 0:
		return h, h.unknown(f)
	case len(h.bytes) < superblocks: // which no cut can do
		return h, fmt.Errorf("%w: it has %d bytes", ErrDamaged, len(h.bytes))
	}
	return h, nil
}

// unknown is the error of a file that begins with no whole superblock.
func (h *heads) unknown(f Source) error {
	ours := false
	for at := 0; at < len(h.bytes); at += block {
		ours = ours || bytes.HasPrefix(h.bytes[at:], []byte(magic))
	}
	err := scan(f, span{superblocks, superblocks + 4*rowBytes}, func(find) { ours = true })
	switch {
	case err != nil:
		return err
	case len(h.bytes) == 0:
		return fmt.Errorf("%w: it is empty", ErrNotJournal) // one of ours never is
	case ours:
		return fmt.Errorf("%w: neither of its superblocks, at bytes 0 and %d, is whole", ErrDamaged, block)
	}
	return ErrNotJournal
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

// belongsTo refuses the row of a journal that was in use with another target.
func (r *row) belongsTo(o Options, records int) error {
	then, now := sys.Identity(r.identity), sys.Identity(o.Identity)
	if then.Same(now) || o.Adopt || r.closed && records == 0 {
		return nil
	}
	differs := "its number and the time at which it was made differ"
	switch {
	case then.SameBirth(now):
		differs = "its number differs: a copy, or a file system that numbers its files anew with each mount"
	case then.Number() == now.Number():
		differs = "the time at which it was made differs"
	}
	return fmt.Errorf("%w: it was in use with %v, and this is %v (%s)", ErrForeign, then, now, differs)
}

// end is where a row's records end, and the last of them.
type end struct {
	at       int64
	sequence uint64
	least    int64 // bytes that the journal has, as the records say
}

// walk calls use with each record of the row, in order, whose header is whole. The
// row ends where there is no such record, where use says that one is not whole, or
// with an error. The state is Torn if what lies there was begun as the row's next.
func (r *row) walk(f Source, use func(record) (whole bool, err error)) (e end, state State, err error) {
	e = end{at: r.start, sequence: r.sequence - 1}
	size, err := f.Size()
	if err != nil {
		return e, Empty, err
	}
	for {
		next := record{at: e.at}
		next.header, state, err = readHeader(f, e.at, size-e.at, header{salt: r.salt, log: r.log, sequence: e.sequence + 1})
		if next.header != nil {
			e.least = max(e.least, next.least)
		}
		if err != nil || state != Whole {
			return e, state, err
		}
		whole, err := use(next)
		if err != nil || !whole {
			return e, Torn, err
		}
		e.at, e.sequence = e.at+next.bytes(), next.sequence
	}
}

// readHeader reads the header at off of a journal that has room bytes from there
// on. The state is Whole when it is the record with the salt, log and sequence that
// are wanted; its data are not looked at.
func readHeader(f io.ReaderAt, off, room int64, want header) (*header, State, error) {
	if room < block {
		return nil, Empty, nil
	}
	b, err := readSome(f, off, block)
	if err != nil {
		return nil, Empty, err
	}
	bytes, state := parsePrefix(b, want, room)
	if state != Whole {
		return nil, state, nil
	}
	if bytes > block {
		if b, err = readSome(f, off, bytes); err != nil {
			return nil, Empty, err
		}
		if int64(len(b)) < bytes {
			return nil, Torn, nil
		}
	}
	h, whole := parseHeader(b, room)
	if !whole {
		return h, Torn, nil
	}
	return h, Whole, nil
}

// checkData compares a record's data with their checksums. each, if not nil, is
// called with the bytes of its extents in pieces, and where they belong in the
// target and are in the journal, before they are checked.
func (r record) checkData(f io.ReaderAt, each func(target, journal int64, p []byte) error) (whole bool, err error) {
	return r.checkSome(f, func(entry) bool { return true }, each)
}

// checkSome is checkData of the extents that are wanted.
func (r record) checkSome(f io.ReaderAt, wanted func(entry) bool, each func(target, journal int64, p []byte) error) (whole bool, err error) {
	at, seed := r.at+headerBytes(len(r.entries)), r.seed()
	buffer := make([]byte, min(chunk, r.data))
	for _, e := range r.entries {
		if !wanted(e) {
			at += int64(e.length)
			continue
		}
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
				if err := each(e.offset+done, at, p); err != nil {
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
