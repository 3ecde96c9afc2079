package journal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// A journal is a log of commits, cut into rows. All numbers are little-endian, and
// everything begins at a multiple of 4096, a block.
//
//	block 0, block 1                     where the rows' records are
//	┌────────────┬────────────┬───┬──────────┬──────────┬─ ─ ─┬───
//	│ superblock │ superblock │ … │ record s │ record   │     │ …
//	│ of row 2i  │ of row 2i+1│   │          │ s+1      │     │
//	└────────────┴────────────┴───┴──────────┴──────────┴─ ─ ─┴───
//
// A superblock says where a row begins. That of row k is in block k%2:
//
//	 0       8   12  16              24      32              40      48
//	┌───────┬───┬───┬───────────────┬───────┬───────────────┬───────┐
//	│ magic │ v │ u │ row           │ start │ sequence      │ salt  │
//	├───────┴───┴───┴───────────────┼───────┼───┬───────────┴───────┘
//	│ identity of the target (24)   │ log   │ c │  80: c, 84: zeros up to 4096
//	└───────────────────────────────┴───────┴───┘
//
//	magic     "FMAPJRNL"
//	v         4 bytes: version, 3
//	u         4 bytes: 1 while a writer has the journal, or died with it; 2 after
//	          [Journal.Close], which alone writes that
//	row       8 bytes: the row's number, from 1
//	start     8 bytes: where its first record is, or will be
//	sequence  8 bytes: of that record
//	salt      8 bytes: drawn anew for each row, so that what is left of another is
//	          no record of this one
//	log       8 bytes: drawn when the journal is made, the same in all of its rows
//	c         4 bytes: CRC-32C of the rest of the block
//
// A record is a commit. It lies behind the one before it:
//
//	 0       8   12  16              24      32              40      48  52  56
//	┌───────┬───┬───┬───────────────┬───────┬───────────────┬───────┬───┬───┬───────┐
//	│ magic │ h │ n │ salt          │ seq.  │ size          │ data  │ c │ l │ log   │
//	├───────┴───┴───┴───┬───┬───┬───┴───────┴───────────────┴───────┴───┴───┴───────┘
//	│ extent 0: offset  │len│crc│ extent 1 …   64
//	└───────────────────┴───┴───┴──────────────
//	zeros up to h, a multiple of 4096
//	the data of the extents, one behind the other
//	zeros up to a multiple of 4096
//
//	magic     "FMAPRCRD"
//	h         4 bytes: where the data begin, from the record's begin
//	n         4 bytes: the number of extents
//	salt      8 bytes: the row's
//	sequence  8 bytes: one more than that of the record before
//	size      8 bytes: of the target after the commit
//	data      8 bytes: the sum of the extents' lengths
//	c         4 bytes: CRC-32C of the rest of the header, all h bytes of it
//	l         4 bytes: how many blocks the journal had, durably, before this was
//	          written, and has for as long as the row counts; 0 where it is not known
//	log       8 bytes: the superblock's
//	crc       CRC-32C of an extent's data, begun with the salt and the sequence
//
// Behind the last record, once it is durable and before the target is written, is
// a mark that says so, where the next record will begin. It is not synced. It is a
// header of 64 bytes with the magic "FMAPDONE", the record's salt, sequence and
// log, l, c, and zeros.
//
// # Torn or damaged
//
// A cut tears the last record, or the superblock that is being written, and nothing
// else: commit n+1 begins when the sync of n has returned. So a whole header of
// commit n+1, or a mark of n, anywhere in the journal, proves that all commits up to
// n were durable once. Where the row that counts ends before n, that is not a torn
// end but damage, of a record or of the superblock of a later row, and to apply
// what is left would turn a part of the target back.
//
// A journal is read by these rules, in this order:
//
//	a superblock of another version                     ErrVersion
//	no superblock whole, but a magic of ours somewhere  ErrDamaged
//	no superblock whole                                 ErrNotJournal
//	of those that are whole                             the one of the higher row counts
//	a record of other magic, salt, log or sequence      the row ends before it
//	one whose c or a crc is wrong, a field cannot be,
//	or the file ends before                             torn: the row ends before it
//	a proof of a commit behind the row's end            ErrDamaged
//	fewer blocks than an l of the row, or of its mark   ErrDamaged
//	a superblock that is not whole, and a whole header
//	of the commit behind the row's end in another row   ErrDamaged
//	in use (u is 1), and the identity not the target's  ErrForeign
//	else                                                whole: applied
//
// What makes that safe is the order in which it is written: see doc.go.
const (
	magic       = "FMAPJRNL"
	recordMagic = "FMAPRCRD"
	markMagic   = "FMAPDONE"
	version     = 3
	block       = 4096
	superblocks = 2 * block // what they take, and where the first row begins

	inUse     = 1 // what a superblock says of the journal
	wasClosed = 2

	rowSumAt    = 80
	rowFields   = rowSumAt + 4
	recordSumAt = 48
	leastAt     = 52
	logAt       = 56
	fixed       = 64 // what comes before the extents
	perExtent   = 16

	// maxExtents keeps a header, and what a reader takes into memory before it
	// has seen a checksum, below 256 MiB.
	maxExtents = 1 << 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Identity tells a target from every other file, those included that had its
// name before.
type Identity [24]byte

// row is a superblock.
type row struct {
	number   uint64
	start    int64
	sequence uint64 // of the first record
	salt     uint64
	log      uint64
	identity Identity
	closed   bool // by Journal.Close, and not opened since
}

// entry is an extent as the header has it.
type entry struct {
	offset int64
	length uint32
	crc    uint32
}

// header is a record without its data.
type header struct {
	salt     uint64
	log      uint64
	sequence uint64
	size     int64
	data     int64
	least    int64 // bytes that the journal has at least
	entries  []entry
}

func roundUp(n int64) int64 { return (n + block - 1) / block * block }

// slot is where the row's superblock is.
func (r *row) slot() int64 { return int64(r.number%2) * block }

// encode makes the superblock.
func (r *row) encode() []byte {
	b := make([]byte, block)
	le := binary.LittleEndian
	copy(b, magic)
	le.PutUint32(b[8:], version)
	le.PutUint32(b[12:], inUse)
	if r.closed {
		le.PutUint32(b[12:], wasClosed)
	}
	le.PutUint64(b[16:], r.number)
	le.PutUint64(b[24:], uint64(r.start))
	le.PutUint64(b[32:], r.sequence)
	le.PutUint64(b[40:], r.salt)
	copy(b[48:72], r.identity[:])
	le.PutUint64(b[72:], r.log)
	le.PutUint32(b[rowSumAt:], sumWithout(b, rowSumAt))
	return b
}

// sumWithout is the checksum of b but for the four bytes at off, where it is kept.
func sumWithout(b []byte, off int) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, b[:off]), castagnoli, b[off+4:])
}

// parseRow reads the superblock in the block at slot; b is shorter only where the
// file is. A torn one is a row without a number.
func parseRow(b []byte, slot int64) (r row, state State, err error) {
	le := binary.LittleEndian
	switch {
	case isZero(b):
		return row{}, Empty, nil
	case len(b) < block || string(b[:len(magic)]) != magic:
		return row{}, Torn, nil
	case le.Uint32(b[8:]) != version && !isVersion(b):
		return row{}, Torn, fmt.Errorf("%w: %d", ErrVersion, le.Uint32(b[8:]))
	case le.Uint32(b[8:]) != version || le.Uint32(b[rowSumAt:]) != sumWithout(b, rowSumAt):
		return row{}, Torn, nil
	}
	r = row{
		number:   le.Uint64(b[16:]),
		start:    int64(le.Uint64(b[24:])),
		sequence: le.Uint64(b[32:]),
		salt:     le.Uint64(b[40:]),
		log:      le.Uint64(b[72:]),
		identity: Identity(b[48:72]),
		closed:   le.Uint32(b[12:]) == wasClosed,
	}
	if use := le.Uint32(b[12:]); use != inUse && use != wasClosed {
		return row{}, Torn, nil
	}
	if r.number == 0 || r.sequence == 0 || r.slot() != slot || r.start < superblocks || r.start%block != 0 || r.start > math.MaxInt64/2 {
		return row{}, Torn, nil
	}
	return r, Whole, nil
}

// isVersion tells whether a superblock that names another version is one of this
// version, with that number damaged.
func isVersion(b []byte) bool {
	b = bytes.Clone(b)
	binary.LittleEndian.PutUint32(b[8:], version)
	return binary.LittleEndian.Uint32(b[rowSumAt:]) == sumWithout(b, rowSumAt)
}

// headerBytes is where the data of n extents begin.
func headerBytes(n int) int64 {
	return roundUp(fixed + int64(n)*perExtent)
}

// bytes is how long the record is.
func (h *header) bytes() int64 { return headerBytes(len(h.entries)) + roundUp(h.data) }

// seed begins the checksum of an extent's data: the same bytes of another commit
// have another.
func (h *header) seed() uint32 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], h.salt)
	binary.LittleEndian.PutUint64(b[8:], h.sequence)
	return crc32.Update(0, castagnoli, b[:])
}

// encode makes the header's bytes, whole blocks.
func (h *header) encode() []byte {
	b := make([]byte, headerBytes(len(h.entries)))
	le := binary.LittleEndian
	copy(b, recordMagic)
	le.PutUint32(b[8:], uint32(len(b)))
	le.PutUint32(b[12:], uint32(len(h.entries)))
	le.PutUint64(b[16:], h.salt)
	le.PutUint64(b[24:], h.sequence)
	le.PutUint64(b[32:], uint64(h.size))
	le.PutUint64(b[40:], uint64(h.data))
	le.PutUint32(b[leastAt:], h.leastBlocks())
	le.PutUint64(b[logAt:], h.log)
	for i, e := range h.entries {
		at := fixed + i*perExtent
		le.PutUint64(b[at:], uint64(e.offset))
		le.PutUint32(b[at+8:], e.length)
		le.PutUint32(b[at+12:], e.crc)
	}
	le.PutUint32(b[recordSumAt:], sumWithout(b, recordSumAt))
	return b
}

func (h *header) leastBlocks() uint32 { return uint32(min(h.least/block, math.MaxUint32)) }

// encodeMark makes the block that says that the record before it is durable.
func (h *header) encodeMark() []byte {
	b := make([]byte, block)
	le := binary.LittleEndian
	copy(b, markMagic)
	le.PutUint64(b[16:], h.salt)
	le.PutUint64(b[24:], h.sequence)
	le.PutUint32(b[leastAt:], h.leastBlocks())
	le.PutUint64(b[logAt:], h.log)
	le.PutUint32(b[recordSumAt:], sumWithout(b[:fixed], recordSumAt))
	return b
}

// parseMark reads what may be the mark of a record, of which it tells the salt, log
// and sequence.
func parseMark(b []byte) (h header, whole bool) {
	le := binary.LittleEndian
	if len(b) < fixed || string(b[:len(markMagic)]) != markMagic || le.Uint32(b[recordSumAt:]) != sumWithout(b[:fixed], recordSumAt) {
		return header{}, false
	}
	return header{
		salt: le.Uint64(b[16:]), sequence: le.Uint64(b[24:]), log: le.Uint64(b[logAt:]),
		least: int64(le.Uint32(b[leastAt:])) * block,
	}, true
}

// parsePrefix reads the first block of what may be the record with a salt, log and
// sequence, and tells whether it is, and how long its header then is; room is
// what the file has from there on.
func parsePrefix(b []byte, want header, room int64) (bytes int64, state State) {
	le := binary.LittleEndian
	if len(b) < block || string(b[:len(recordMagic)]) != recordMagic ||
		le.Uint64(b[16:]) != want.salt || le.Uint64(b[24:]) != want.sequence || le.Uint64(b[logAt:]) != want.log {
		return 0, Empty
	}
	bytes, extents := int64(le.Uint32(b[8:])), le.Uint32(b[12:])
	if extents > maxExtents || bytes != headerBytes(int(extents)) || bytes > room {
		return 0, Torn
	}
	return bytes, Whole
}

// parseHeader reads a header's bytes, all of them. It tells whether they are whole,
// and the file has room for the record; where it only has none, the header is there.
func parseHeader(b []byte, room int64) (*header, bool) {
	le := binary.LittleEndian
	if le.Uint32(b[recordSumAt:]) != sumWithout(b, recordSumAt) {
		return nil, false
	}
	h := &header{
		salt:     le.Uint64(b[16:]),
		log:      le.Uint64(b[logAt:]),
		sequence: le.Uint64(b[24:]),
		size:     int64(le.Uint64(b[32:])),
		data:     int64(le.Uint64(b[40:])),
		least:    int64(le.Uint32(b[leastAt:])) * block,
		entries:  make([]entry, le.Uint32(b[12:])),
	}
	var sum int64
	for i := range h.entries {
		at := fixed + i*perExtent
		e := entry{offset: int64(le.Uint64(b[at:])), length: le.Uint32(b[at+8:]), crc: le.Uint32(b[at+12:])}
		if e.offset < 0 || e.offset > h.size-int64(e.length) {
			return nil, false
		}
		sum += int64(e.length)
		h.entries[i] = e
	}
	return h, h.size >= 0 && h.data == sum && h.bytes() <= room
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
