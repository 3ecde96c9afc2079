package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// A journal is one record. All numbers are little-endian.
//
//	 0       8       16              24      32              40      48
//	┌───────┬───┬───┬───────────────┬───────┬───────────────┬───┬───┐
//	│ magic │ v │ h │ sequence      │ size  │ data bytes    │ n │ s │
//	├───────┴───┴───┴───────────────┼───────┴───────────────┼───┼───┤
//	│ identity of the target (24)                           │ 0 │ c │  72: zero, 76: c
//	├───────────────────────────────┬───┬───┬───────────────┴───┴───┤
//	│ extent 0: offset              │len│crc│ extent 1 …            │  80
//	└───────────────────────────────┴───┴───┴───────────────────────┘
//	zeros up to h, a multiple of 4096
//	the data of the extents, one behind the other
//	zeros up to a multiple of 4096
//
//	magic     "FMAPJRNL"
//	v         4 bytes: version, 1
//	h         4 bytes: where the data begin
//	sequence  8 bytes: one more than that of the commit before
//	size      8 bytes: of the target after the commit
//	data      8 bytes: the sum of the extents' lengths
//	n         4 bytes: the number of extents
//	s         4 bytes: state, 0: empty, 1: holds a commit
//	c         4 bytes: CRC-32C of the bytes [0, 76) and the n extents
//	crc       CRC-32C of an extent's data, begun with the sequence's low 4 bytes
//
// A journal is read by these rules, in this order:
//
//	a file of no bytes, or whose first 4096 are zero   empty: just made
//	another magic                                      ErrNotJournal
//	another version                                    ErrVersion
//	c is wrong, or a field cannot be                   torn: ignored
//	state 0                                            empty
//	the identity is not the target's                   ErrForeign
//	a crc is wrong, or the file ends before            torn: ignored
//	else                                               whole: applied
const (
	magic     = "FMAPJRNL"
	version   = 1
	fixed     = 80 // what comes before the extents
	perExtent = 16
	block     = 4096

	stateEmpty  = 0
	stateCommit = 1

	// maxExtents keeps a header, and what a reader takes into memory before it
	// has seen a checksum, below 256 MiB.
	maxExtents = 1 << 24
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Identity tells a target from every other file, those included that had its
// name before.
type Identity [24]byte

// entry is an extent as the header has it.
type entry struct {
	offset int64
	length uint32
	crc    uint32
}

// header is a journal without its data.
type header struct {
	sequence uint64
	size     int64
	data     int64
	state    uint32
	identity Identity
	entries  []entry
}

// headerBytes is where the data of n extents begin.
func headerBytes(n int) int64 {
	return roundUp(fixed + int64(n)*perExtent)
}

func roundUp(n int64) int64 { return (n + block - 1) / block * block }

// fileBytes is how long the journal is at least.
func (h *header) fileBytes() int64 { return headerBytes(len(h.entries)) + roundUp(h.data) }

// seed begins the checksum of an extent's data: the same bytes of another commit
// have another.
func (h *header) seed() uint32 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], h.sequence)
	return crc32.Update(0, castagnoli, b[:])
}

// encode makes the header's bytes, whole blocks.
func (h *header) encode() []byte {
	b := make([]byte, headerBytes(len(h.entries)))
	le := binary.LittleEndian
	copy(b, magic)
	le.PutUint32(b[8:], version)
	le.PutUint32(b[12:], uint32(len(b)))
	le.PutUint64(b[16:], h.sequence)
	le.PutUint64(b[24:], uint64(h.size))
	le.PutUint64(b[32:], uint64(h.data))
	le.PutUint32(b[40:], uint32(len(h.entries)))
	le.PutUint32(b[44:], h.state)
	copy(b[48:72], h.identity[:])
	for i, e := range h.entries {
		at := fixed + i*perExtent
		le.PutUint64(b[at:], uint64(e.offset))
		le.PutUint32(b[at+8:], e.length)
		le.PutUint32(b[at+12:], e.crc)
	}
	le.PutUint32(b[76:], headerSum(b, len(h.entries)))
	return b
}

// headerSum is c of a header with n extents.
func headerSum(b []byte, n int) uint32 {
	sum := crc32.Update(0, castagnoli, b[:76])
	return crc32.Update(sum, castagnoli, b[fixed:fixed+n*perExtent])
}

// prefix is what the first block says of the rest of the header.
type prefix struct {
	empty   bool // a file that was just made
	torn    bool
	bytes   int64 // of the header
	extents int
}

// parsePrefix reads the first block of a journal of fileSize bytes; b is shorter
// only where the file is.
func parsePrefix(b []byte, fileSize int64) (prefix, error) {
	if isZero(b) {
		return prefix{empty: true}, nil
	}
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return prefix{}, ErrNotJournal
	}
	if len(b) < fixed {
		return prefix{torn: true}, nil
	}
	le := binary.LittleEndian
	if v := le.Uint32(b[8:]); v != version {
		return prefix{}, fmt.Errorf("%w: %d", ErrVersion, v)
	}
	p := prefix{bytes: int64(le.Uint32(b[12:])), extents: int(min(le.Uint32(b[40:]), maxExtents+1))}
	p.torn = p.extents > maxExtents || p.bytes != headerBytes(p.extents) || p.bytes > fileSize
	return p, nil
}

// parseHeader reads a header's bytes, all of them, with n extents. It tells
// whether they are whole; of others it returns what may be the sequence.
func parseHeader(b []byte, n int, fileSize int64) (header, bool) {
	le := binary.LittleEndian
	torn := header{sequence: le.Uint64(b[16:])}
	if le.Uint32(b[76:]) != headerSum(b, n) || le.Uint32(b[72:]) != 0 {
		return torn, false
	}
	h := header{
		sequence: le.Uint64(b[16:]),
		size:     int64(le.Uint64(b[24:])),
		data:     int64(le.Uint64(b[32:])),
		state:    le.Uint32(b[44:]),
		identity: Identity(b[48:72]),
		entries:  make([]entry, n),
	}
	var sum int64
	for i := range h.entries {
		at := fixed + i*perExtent
		e := entry{offset: int64(le.Uint64(b[at:])), length: le.Uint32(b[at+8:]), crc: le.Uint32(b[at+12:])}
		if e.offset < 0 || e.offset > h.size-int64(e.length) {
			return torn, false
		}
		sum += int64(e.length)
		h.entries[i] = e
	}
	ok := h.size >= 0 && h.data == sum && h.state <= stateCommit && sum <= math.MaxInt64-block &&
		h.fileBytes() <= fileSize
	if !ok {
		return torn, false
	}
	return h, true
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
