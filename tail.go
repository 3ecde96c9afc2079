package filemap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"runtime/debug"

	"github.com/filemap-go/filemap/internal/sys"
)

// While Append has room prepared, the file is longer than the Map and ends in a tail
// of 48 bytes:
//
//	0             length                                 at = k · 64 KiB
//	├────────────────┼──────────────────────────────────────┼──────┤
//	│ the Map's bytes│ prepared: zeros                      │ tail │
//
//	0         16       24       32    36    40       48
//	┌─────────┬────────┬────────┬─────┬─────┬────────┐
//	│ magic   │ length │ at     │ sum │ 0   │ owner  │   little-endian
//	└─────────┴────────┴────────┴─────┴─────┴────────┘
//
// Length counts from the beginning of the file. Append stores it when the bytes are
// there, by one atomic store through the mapping. So it survives the process, and
// readers learn from it which bytes are complete. The sum is over magic, at and owner.
//
// The owner is a random number of the Map that appends. A truncation, to any length,
// takes the owner's number away or makes it zero, whether or not the file is made long
// again afterwards; another Map that begins to append puts its own there. So one load
// tells Append that the file is still as it left it, where fstat(2) would cost several
// times as much as the copy.
//
// Only a file whose size is 48 modulo 64 KiB can have a tail: opening any other costs
// nothing.
const (
	tailBytes  = 48
	tailUnit   = 64 << 10
	tailLength = 16
	tailAt     = 24
	tailSum    = 32
	tailOwner  = 40
)

var tailMagic = [16]byte{0xff, 'f', 'i', 'l', 'e', 'm', 'a', 'p', ' ', 't', 'a', 'i', 'l', 1, '\r', '\n'}

// tail is what a Map knows of its file's tail.
type tail struct {
	at     int64  // where in the file it begins; 0: there is none
	owner  uint64 // the number in it
	ours   bool   // this Map writes it: the words are mapped
	length *sys.Word
	mark   *sys.Word // the owner's number
}

// encodeTail makes the tail of a file.
func encodeTail(at, length int64, owner uint64) (b [tailBytes]byte) {
	copy(b[:], tailMagic[:])
	binary.LittleEndian.PutUint64(b[tailLength:], uint64(length))
	binary.LittleEndian.PutUint64(b[tailAt:], uint64(at))
	binary.LittleEndian.PutUint64(b[tailOwner:], owner)
	binary.LittleEndian.PutUint32(b[tailSum:], tailChecksum(b[:]))
	return b
}

func tailChecksum(b []byte) uint32 {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, castagnoli, b[:tailLength])
	sum = crc32.Update(sum, castagnoli, b[tailAt:tailSum])
	return crc32.Update(sum, castagnoli, b[tailOwner:])
}

// canHaveTail tells whether a file of that size may end in a tail.
func canHaveTail(size int64) bool { return size%tailUnit == tailBytes && size >= tailUnit }

// errCut says that a file has become shorter since its size was asked for.
var errCut = errors.New("the file has become shorter meanwhile")

// readTail reads the tail of a file of size bytes, if it ends in one, and how many
// bytes of the file count.
func readTail(f sys.File, size int64) (t tail, length int64, ok bool, err error) {
	if !canHaveTail(size) {
		return tail{}, size, false, nil
	}
	var b [tailBytes]byte
	at := size - tailBytes
	if n, err := f.ReadAt(b[:], at); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = errCut
		}
		return tail{}, size, false, err
	}
	length = int64(binary.LittleEndian.Uint64(b[tailLength:])) // an aligned word, which the kernel copies whole
	owner := binary.LittleEndian.Uint64(b[tailOwner:])
	if !bytes.Equal(b[:tailLength], tailMagic[:]) ||
		binary.LittleEndian.Uint32(b[tailSum:]) != tailChecksum(b[:]) ||
		int64(binary.LittleEndian.Uint64(b[tailAt:])) != at ||
		length < 0 || length > at {
		return tail{}, size, false, nil
	}
	return tail{at: at, owner: owner}, length, true, nil
}

// counted returns the status of a file as stat tells it, its tail, if it has one, and
// how many of its bytes count: of one moment, though another Map appends meanwhile. A
// file that has become longer since it was asked for its size has zeros where its tail
// was, one that was cut has nothing there; neither is the end of its bytes.
func counted(f sys.File, stat func(sys.File) (sys.Stat, error)) (st sys.Stat, t tail, length int64, err error) {
	for range 1000 { // against a file system that never says the same twice
		if st, err = stat(f); err != nil {
			return st, tail{}, 0, err
		}
		var ok bool
		t, length, ok, err = readTail(f, st.Size)
		if ok || !canHaveTail(st.Size) || err != nil && !errors.Is(err, errCut) {
			return st, t, length, err
		}
		again, statErr := f.Stat()
		if statErr != nil || err == nil && again.Size == st.Size {
			return st, t, length, statErr
		}
	}
	return st, tail{}, st.Size, nil
}

// little converts a number to the byte order of a tail, or back.
func little(v uint64) uint64 {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], v)
	return binary.LittleEndian.Uint64(b[:])
}

// tailRoom is how many addresses behind the reserve a Map needs for its tail.
func (c *config) tailRoom(n int64) int {
	if !mapsBeyondEnd || c.reserve <= n || c.mode != ReadWrite {
		return 0
	}
	return tailUnit + max(sys.PageSize, tailBytes)
}

// placeLocked returns where the tail is to be so that need bytes of the Map are before
// it, and room for more; never before where it is.
func (m *Map) placeLocked(off, need int64) int64 {
	ahead := min(max(off&^(tailUnit-1), prepareLeast), prepareMost)
	at := (m.offset + off + ahead) &^ (tailUnit - 1)
	last := (m.alignedOffset() + int64(m.region.Len()) - tailBytes) &^ (tailUnit - 1)
	at = min(at, tailCeil(m.offset+m.capacity), last)
	return max(at, tailCeil(m.offset+need), m.grow.tail.at)
}

// tailFits tells whether the region has addresses for a tail at a place of the file.
func (m *Map) tailFits(at int64) bool {
	return at-m.alignedOffset()+tailBytes <= int64(m.region.Len())
}

func tailCeil(n int64) int64 { return (n + tailUnit - 1) &^ (tailUnit - 1) }

// moveTailLocked makes the file so long that its tail is at. The new tail is written
// before the old one goes, so that at every moment the file ends in one.
func (m *Map) moveTailLocked(at int64) error {
	old := m.grow.tail
	if old.at == at {
		return nil
	}
	owner := old.owner
	if !old.ours {
		owner = rand.Uint64() | 1<<63 // so that its last byte is none that a truncation leaves
	}
	m.sync.resized.Store(true)
	b := encodeTail(at, m.offset+m.size.Load(), owner)
	if _, err := m.file.WriteAt(b[:], at); err != nil {
		return err
	}
	inRegion := int(at - m.alignedOffset())
	m.grow.end = at + tailBytes
	m.grow.tail = tail{
		at: at, owner: owner, ours: true,
		length: m.region.Word(inRegion + tailLength), mark: m.region.Word(inRegion + tailOwner),
	}
	m.grow.tailPage.Store(int64(inRegion) &^ int64(sys.PageSize-1))
	if old.at == 0 {
		return nil
	}
	_, err := m.file.WriteAt(zeros[:tailBytes], old.at)
	return err
}

// tailCut forgets the tail, which the file has no more.
func (g *growth) tailCut() {
	g.tail = tail{}
	g.prepared = 0
	g.tailPage.Store(0)
}

// intact tells whether the owner's number is still there. A fault is the caller's to
// see to.
func (t *tail) intact() bool { return t.mark.Load() == little(t.owner) }

// tailIntactLocked tells whether the tail, if there is one, is as it was left or found.
func (m *Map) tailIntactLocked() bool {
	t := &m.grow.tail
	switch {
	case t.at == 0:
		return true
	case t.ours:
		return m.storePrepared(nil, 0)
	}
	found, length, ok, _ := readTail(m.file, t.at+tailBytes)
	return ok && found.owner == t.owner && length == m.offset+m.size.Load()
}

// storePrepared stores p to off, to bytes that the file has and that are not the Map's
// yet, and makes the tail say so. It tells whether the file was still this Map's, and
// nothing faulted; why, it does not ask: that takes locks (see why).
func (m *Map) storePrepared(p []byte, off int64) (ok bool) {
	defer m.faultIsFalse(debug.SetPanicOnFault(true), &ok)
	t := &m.grow.tail
	if !t.ours {
		copy(m.data[off:], p)
		return true
	}
	if !t.intact() {
		return false
	}
	if len(p) > 0 {
		copy(m.data[off:], p)
		t.length.Store(little(uint64(m.offset + off + int64(len(p)))))
	}
	return t.intact() // else p may be in a page that the file has no more
}

// publish makes the tail say that the file has n bytes of the Map.
func (m *Map) publish(n int64) (ok bool) {
	defer m.faultIsFalse(debug.SetPanicOnFault(true), &ok)
	t := &m.grow.tail
	if !t.intact() {
		return false
	}
	t.length.Store(little(uint64(m.offset + n)))
	return t.intact()
}

// faultIsFalse is deferred by what touches mapped memory under a lock. A fault in this
// mapping makes *ok false; any other panic goes on.
func (m *Map) faultIsFalse(old bool, ok *bool) {
	debug.SetPanicOnFault(old)
	if r := recover(); r != nil {
		m.faultOffset(r)
		*ok = false
	}
}

// unchangedLocked checks that the file is as long as this Map left it, and has not
// been cut and made long again.
func (m *Map) unchangedLocked() error {
	st, err := m.file.Stat()
	switch has := m.offset + m.size.Load(); {
	case err != nil:
		return err
	case st.Size < has:
		return fmt.Errorf("%w: %w: it has %d bytes and not %d (somebody else cut it: Refresh first)", ErrBounds, ErrTruncated, st.Size, has)
	case st.Size != m.grow.end:
		return fmt.Errorf("%w: the file has %d bytes and not the %d that were mapped (somebody else resized it: Refresh first)", ErrBounds, st.Size, m.grow.end)
	case !m.tailIntactLocked():
		return fmt.Errorf("%w: the file has been cut or appended to by somebody else since (Refresh first)", ErrBounds)
	}
	return nil
}
