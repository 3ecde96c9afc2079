package filemap

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// A fault that waits for the disk keeps the Go scheduler's processor waiting with
// it; a system call does not. So the methods load a page by a system call before
// they touch it, unless they know it to be there: known is what they know.
//
//	 63              32 31                     0
//	┌──────────────────┬────────────────────────┐
//	│ generation       │ one bit for each page  │   a word for 32 pages
//	└──────────────────┴────────────────────────┘
//
// A bit counts while its word's generation is the current one. It is set when
// the page has been populated, and it can be wrong: the kernel evicts without
// telling. Three things keep that rare. A new generation begins, and everything
// is forgotten, after every coldReads reads that had to wait for the disk, which
// is how memory pressure looks from here; when one check in checkEvery, of a page
// that was thought known, finds it gone; and with advice that evicts. What slips
// through is a fault like any mapping's: correct, but it waits with the processor.
//
// The words come in chunks of 32 KiB, for 512 MiB of pages of 4 KiB, each made when
// something in it is learned: a terabyte of reserved addresses costs 16 KiB.
type known struct {
	chunks     []atomic.Pointer[chunk]
	generation atomic.Uint32
	cold       atomic.Uint32 // reads that waited, in all

	// ends are where the latest cold reads ended, each at a place that its page
	// number says: see follows.
	ends [32]atomic.Int64
}

type chunk [wordsPerChunk]atomic.Uint64

const (
	pagesPerWord  = 32
	wordsPerChunk = 4096
	coldReads     = 512
	checkEvery    = 256 // a power of two
)

func newKnown(pages int) known {
	const pagesPerChunk = pagesPerWord * wordsPerChunk
	return known{chunks: make([]atomic.Pointer[chunk], (pages+pagesPerChunk-1)/pagesPerChunk)}
}

// has tells whether all pages from first to last are known to be there.
func (k *known) has(first, last int) bool {
	generation := uint64(k.generation.Load()) << 32
	for first <= last {
		word := first / pagesPerWord
		want := generation | mask(first, last)
		c := k.chunks[word/wordsPerChunk].Load()
		if c == nil || c[word%wordsPerChunk].Load()&(want|^uint64(1<<32-1)) != want {
			return false
		}
		first = (word + 1) * pagesPerWord
	}
	return true
}

// learn notes that all pages from first to last have been populated.
func (k *known) learn(first, last int) {
	generation := uint64(k.generation.Load()) << 32
	for first <= last {
		number := first / pagesPerWord
		word := k.word(number)
		for {
			old := word.Load()
			bits := old
			if old>>32 != generation>>32 {
				bits = generation
			}
			if word.CompareAndSwap(old, bits|mask(first, last)) {
				break
			}
		}
		first = (number + 1) * pagesPerWord
	}
}

// unlearn notes that pages from first to last may not be there.
func (k *known) unlearn(first, last int) {
	for first <= last {
		number := first / pagesPerWord
		if c := k.chunks[number/wordsPerChunk].Load(); c != nil {
			c[number%wordsPerChunk].And(^mask(first, last))
		}
		first = (number + 1) * pagesPerWord
	}
}

// word returns a word, and makes its chunk if it must.
func (k *known) word(number int) *atomic.Uint64 {
	at := &k.chunks[number/wordsPerChunk]
	c := at.Load()
	if c == nil {
		at.CompareAndSwap(nil, new(chunk))
		c = at.Load()
	}
	return &c[number%wordsPerChunk]
}

// mask has the bits of the pages from first to last that are in first's word.
func mask(first, last int) uint64 {
	low := first % pagesPerWord
	high := min(last-first+low, pagesPerWord-1)
	return uint64(1)<<(high+1) - uint64(1)<<low
}

func (k *known) forget() { k.generation.Add(1) }

// wasCold counts a read that had to wait for the disk.
func (k *known) wasCold() {
	if k.cold.Add(1)%coldReads == 0 {
		k.forget()
	}
}

// follows tells whether a cold read of n bytes at off goes on where one of the
// latest ended: then somebody reads in order, and the kernel reads ahead.
func (k *known) follows(off, n int64) bool {
	at := func(off int64) *atomic.Int64 {
		return &k.ends[off/int64(sys.PageSize)%int64(len(k.ends))]
	}
	follows := at(off).Load() == off
	at(off + n).Store(off + n)
	return follows
}

// resident tells whether the n bytes at off, at least one, are thought to be in
// memory and mapped. Now and then it asks the kernel.
func (m *Map) resident(off, n int64) bool {
	if !sys.Mapped {
		return true
	}
	first := (m.begin + int(off)) / sys.PageSize
	last := (m.begin + int(off+n-1)) / sys.PageSize
	if !m.known.has(first, last) {
		return false
	}
	if rand.Uint32()%checkEvery == 0 && m.gone(off) {
		m.known.forget()
		return false
	}
	return true
}

// gone tells whether reading the byte at off would wait for the disk, as far as
// the kernel says.
func (m *Map) gone(off int64) bool {
	if _, err := m.enter("read", off, 1); err != nil {
		return false // whoever reads next is told
	}
	defer m.leave()
	if !m.inFile(off, 1) {
		return false
	}
	_, err := m.file.ReadNoWait(make([]byte, 1), m.offset+off)
	return errors.Is(err, sys.ErrWouldWait)
}

// inFile tells whether the file has the n bytes at off as the mapping does. m.mu is
// held.
func (m *Map) inFile(off, n int64) bool {
	return m.file.Valid() && m.replaced() == nil && (!m.private() || m.stage != nil && m.stage.untouched(m.pageOf(off), m.pageOf(off+n-1)))
}

// firstRead tells whether n bytes at off of a Staged Map were not read before.
func (m *Map) firstRead(off, n int64) bool {
	if m.stage == nil {
		return false
	}
	first, last := m.pageOf(off), m.pageOf(off+n-1)
	if m.stage.read.has(first, last) {
		return false
	}
	m.stage.read.learn(first, last)
	return true
}

// load brings the n bytes at off into memory and maps them, inside system calls:
// for loads, or for stores, which then find their pages dirty, or copied where the
// mapping is private.
func (m *Map) load(how sys.Advice, off, n int64) error {
	for done := int64(0); done < n; done += populateBytes {
		if err := m.populatePart(how, off+done, min(n-done, populateBytes)); err != nil {
			return err
		}
	}
	return nil
}

// learn notes that the pages of [off, off+n) have been populated.
func (m *Map) learn(off, n int64) {
	m.known.learn((m.begin+int(off))/sys.PageSize, (m.begin+int(off+n-1))/sys.PageSize)
}

// readUnknown fills p from off, which lies inside the mapping, when its pages may
// not be in memory. It tells whether it did; where not, p is to be copied from the
// mapping, which load has seen to.
//
// Bytes that the page cache has come by a read that does not wait, and their
// pages are then populated so that the next read is a copy; of a [Staged] Map only
// those that are read a second time, for a store to a page that is mapped is about
// twice as dear there as one to a page that is not. Bytes that it has not
// are read through the descriptor alone: a page that is read once is not worth
// mapping. Such a read occupies the scheduler's processor too, until the scheduler
// notices, which takes it about as long as a quick disk takes for a page. So the
// kernel is asked to begin, and the other goroutines have their turn, to ask as
// well, before this one waits for its page: the disk then has many to work on.
func (m *Map) readUnknown(p []byte, off int64) (done bool, err error) {
	n, waited, err := m.readFromFile(p, off)
	if err != nil {
		return false, err
	}
	if n == len(p) && (waited || m.firstRead(off, int64(n))) {
		return true, nil
	}
	if err := m.load(sys.PopulateRead, off, int64(len(p))); err != nil {
		return false, err
	}
	return n == len(p), nil
}

// readFromFile fills p from off through the descriptor, if the file has these bytes
// as the mapping does, and tells whether it had to wait for the disk. What cannot be
// read is no error here: load finds out which page it is, and why.
func (m *Map) readFromFile(p []byte, off int64) (n int, waited bool, err error) {
	if _, err := m.enter("read", off, int64(len(p))); err != nil {
		return 0, false, err
	}
	defer m.leave()
	if !m.inFile(off, int64(len(p))) {
		return 0, false, nil
	}
	n, err = m.file.ReadNoWait(p, m.offset+off)
	if errors.Is(err, sys.ErrWouldWait) {
		m.known.wasCold()
		if !m.known.follows(off, int64(len(p))) && m.file.StartReading(m.offset+off, int64(len(p))) == nil {
			runtime.Gosched()
		}
		waited = true
		n, err = m.file.ReadAt(p, m.offset+off)
	}
	if err != nil {
		return 0, false, nil
	}
	return n, waited, nil
}

// loaded returns how many of the n bytes at off, which load was to bring into
// memory, can be touched after its error err, and that error as op's. To touch
// the rest would mean to wait for a failing disk with the processor.
func (m *Map) loaded(op string, off, n int64, err error) (int64, error) {
	var fault *Error
	if err == nil || errors.Is(err, ErrFault) || !errors.As(err, &fault) {
		return n, nil // what is wrong with it, if anything, is the copy's to find
	}
	said := *fault
	said.Op = op
	return max(0, min(fault.Offset-m.offset-off, n)), &said
}
