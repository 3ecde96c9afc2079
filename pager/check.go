package pager

import (
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"github.com/filemap-go/filemap/pager/store"
)

// Checker verifies the pages that a mapping reads from its store. Off is the
// page's offset in the store; the last page may be short. Both methods are called
// by many goroutines at once, though never for the same page.
type Checker interface {
	// Verify looks at a page that was read. Its error becomes the fault's, and
	// the page is not let into memory; the next access reads it again.
	Verify(off int64, page []byte) error

	// Written is told of a page that was written.
	Written(off int64, page []byte)
}

func (m *Mapping) verify(r run, bytes []byte) error {
	return m.eachPage(r, bytes, func(c Checker, off int64, page []byte) error { return c.Verify(off, page) })
}

// written fails only when the checker panics: the pages are written again then.
func (m *Mapping) written(r run, bytes []byte) error {
	return m.eachPage(r, bytes, func(c Checker, off int64, page []byte) error {
		c.Written(off, page)
		return nil
	})
}

func (m *Mapping) eachPage(r run, bytes []byte, do func(Checker, int64, []byte) error) (err error) {
	defer asError(&err)
	if m.check == nil {
		return nil
	}
	for at := 0; at < len(bytes); at += 1 << m.shift {
		page := bytes[at:min(at+1<<m.shift, len(bytes))]
		if err := do(m.check, m.base+int64(r.first<<m.shift)+int64(at), page); err != nil {
			return err
		}
	}
	return nil
}

// Checksums is a [Checker] that holds a CRC-32C for each page of a store, 8 bytes
// a page, in memory: it finds what the device or someone else has changed since
// [ChecksumsOf] or since the pager wrote it. A page it has no checksum of, it
// takes as it is the first time.
type Checksums struct {
	pageBytes int64
	sums      []atomic.Uint64 // 1<<32 | sum; 0: not known
}

// NewChecksums returns a checker that knows no page yet of a store of size bytes;
// pageBytes is that of the pager.
func NewChecksums(size int64, pageBytes int) *Checksums {
	n := int64(pageBytes)
	return &Checksums{n, make([]atomic.Uint64, (size+n-1)/n)}
}

// ChecksumsOf reads all of a store and returns a checker for it; pageBytes is
// that of the pager.
func ChecksumsOf(s store.Store, pageBytes int) (*Checksums, error) {
	b := backing{store: s}
	size, err := b.size()
	if err != nil {
		return nil, err
	}
	c := NewChecksums(size, pageBytes)
	page := make([]byte, pageBytes)
	for i := range c.sums {
		off := int64(i) * c.pageBytes
		part := page[:min(c.pageBytes, size-off)]
		if err := b.read(part, off, len(part)); err != nil {
			return nil, err
		}
		c.Written(off, part)
	}
	return c, nil
}

// Verify returns an [ErrCorrupt] for a page whose checksum is another.
func (c *Checksums) Verify(off int64, page []byte) error {
	got := sumWord(page)
	known := &c.sums[off/c.pageBytes]
	if known.CompareAndSwap(0, got) {
		return nil
	}
	if want := known.Load(); want != got {
		return fmt.Errorf("%w: %08x, and it was %08x", ErrCorrupt, uint32(got), uint32(want))
	}
	return nil
}

// Written notes the checksum of a page.
func (c *Checksums) Written(off int64, page []byte) { c.sums[off/c.pageBytes].Store(sumWord(page)) }

func sumWord(page []byte) uint64 { return 1<<32 | uint64(crc32.Checksum(page, castagnoli)) }
