package journal

import (
	"errors"
	"hash/crc32"
	"io"
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

// readSuperblocks returns the row that counts, and the bytes of both superblocks.
// A row without a number says that there is none.
func readSuperblocks(f io.ReaderAt) (newest row, state State, b []byte, err error) {
	if b, err = readSome(f, 0, superblocks); err != nil {
		return row{}, Empty, b, err
	}
	for slot := int64(0); slot < superblocks; slot += block {
		r, found, err := parseRow(b[min(slot, int64(len(b))):min(slot+block, int64(len(b)))], slot)
		if err != nil {
			return row{}, Empty, b, err
		}
		if found == Torn {
			state = Torn
		}
		if r.number > newest.number {
			newest = r
		}
	}
	return newest, state, b, nil
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

// walk calls use with each record of the row, in order, whose header is whole. The
// row ends where there is no such record, where use says that one is not whole, or
// with an error. The state is Torn if what lies there was begun as the row's next.
func (r *row) walk(f Source, use func(record) (whole bool, err error)) (state State, err error) {
	size, err := f.Size()
	if err != nil || r.number == 0 {
		return Empty, err
	}
	next := record{at: r.start}
	for sequence := r.sequence; ; sequence++ {
		next.header, state, err = readHeader(f, next.at, size-next.at, r.salt, sequence)
		if err != nil || state != Whole {
			return state, err
		}
		whole, err := use(next)
		if err != nil || !whole {
			return Torn, err
		}
		next.at += next.bytes()
	}
}

// readHeader reads the header at off of a journal that has room bytes from there
// on. The state is Whole when it is the record with that salt and sequence, whose
// data are not looked at.
func readHeader(f io.ReaderAt, off, room int64, salt, sequence uint64) (*header, State, error) {
	if room < block {
		return nil, Empty, nil
	}
	b, err := readSome(f, off, block)
	if err != nil {
		return nil, Empty, err
	}
	bytes, state := parsePrefix(b, salt, sequence, room)
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
		return nil, Torn, nil
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
