package filemap

import (
	"encoding/binary"
	"fmt"
)

// prefixBytes is the length of a record's length.
const prefixBytes = 4

// Record returns the record at off, no copy, and the offset of the next. A record
// is its length, four bytes, most significant first, and then that many bytes:
// the layout of ristretto's MmapFile.Slice, so that such files can be read.
//
// A length that leads beyond the mapping is [ErrCorrupt]; what holds for
// [Map.Bytes] holds for the slice.
func (m *Map) Record(off int64) (record []byte, next int64, err error) {
	if _, err := m.span("read record", off, prefixBytes); err != nil {
		return nil, 0, err
	}
	var prefix [prefixBytes]byte
	if _, err := m.ReadAt(prefix[:], off); err != nil {
		return nil, 0, err
	}
	n := int64(binary.BigEndian.Uint32(prefix[:]))
	begin := off + prefixBytes
	if n > m.Len()-begin {
		return nil, 0, m.fail("read record", off, prefixBytes,
			fmt.Errorf("%w: its length, %d, leads beyond the mapping", ErrCorrupt, n))
	}
	record, err = m.Slice(begin, n)
	return record, begin + n, err
}

// PutRecord stores a record at off, its length and then p, and returns the offset
// behind it. Nothing is stored unless all of it fits (else [ErrBounds]).
func (m *Map) PutRecord(off int64, p []byte) (next int64, err error) {
	n := int64(len(p))
	if n > 1<<32-1 {
		return 0, m.fail("write record", off, n, ErrTooLarge)
	}
	if _, err := m.span("write record", off, prefixBytes+n); err != nil {
		return 0, err
	}
	var prefix [prefixBytes]byte
	binary.BigEndian.PutUint32(prefix[:], uint32(n))
	if err := m.beginStore("write record", off, prefixBytes+n, true); err != nil {
		return 0, err
	}
	defer m.endStore(true) // no Sync between the two
	if _, err := m.WriteAt(prefix[:], off); err != nil {
		return 0, err
	}
	if _, err := m.WriteAt(p, off+prefixBytes); err != nil {
		return 0, err
	}
	return off + prefixBytes + n, nil
}
