package pager

import (
	"fmt"
	"hash/crc32"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
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

// Format prints how many checksums there are room for, and not these.
func (c *Checksums) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "checksums of %d pages of %d bytes", len(c.sums), c.pageBytes)
}

// NewChecksums returns a checker that knows no page yet of a store of size bytes;
// pageBytes is that of the pager. [ErrTooLarge] where there are no addresses for
// that many checksums; their memory comes as pages are read and written.
func NewChecksums(size int64, pageBytes int) (*Checksums, error) {
	switch {
	case size < 0 || pageBytes <= 0:
		return nil, fmt.Errorf("%w: checksums of %d bytes in pages of %d", ErrConfig, size, pageBytes)
	case size == 0:
		return &Checksums{pageBytes: int64(pageBytes)}, nil
	}
	pages := (size-1)/int64(pageBytes) + 1
	if pages > (math.MaxInt-int64(sys.PageSize))/8 {
		return nil, ErrTooLarge
	}
	region, err := sys.MapAnonymous(int(pages*8), sys.ProtRead|sys.ProtWrite, false)
	if err != nil {
		if sys.NoMemory(err) {
			err = fmt.Errorf("%w: %w", ErrTooLarge, err)
		}
		return nil, err
	}
	_ = region.Advise(sys.NoHugePage, 0, region.Len()) // where there are none, there is no advice
	c := &Checksums{int64(pageBytes), sys.View[atomic.Uint64](region.Bytes()[:pages*8])}
	runtime.AddCleanup(c, func(r sys.Region) { _ = r.Release() }, region)
	return c, nil
}

// ChecksumsOf reads all of a store and returns a checker for it; pageBytes is
// that of the pager.
func ChecksumsOf(s store.Store, pageBytes int) (*Checksums, error) {
	b := backing{store: s}
	size, err := b.size()
	if err != nil {
		return nil, err
	}
	c, err := NewChecksums(size, pageBytes)
	if err != nil {
		return nil, err
	}
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
	defer runtime.KeepAlive(c)
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
func (c *Checksums) Written(off int64, page []byte) {
	c.sums[off/c.pageBytes].Store(sumWord(page))
	runtime.KeepAlive(c)
}

func sumWord(page []byte) uint64 { return 1<<32 | uint64(crc32.Checksum(page, castagnoli)) }
