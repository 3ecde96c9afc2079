package pagecache

import (
	"context"
	"errors"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
)

// Hold keeps pages of a file in memory until it is closed, or the process ends.
type Hold struct {
	m      *filemap.Map
	path   string
	extent Extent
}

// Lock loads [Extent] of a file, all of it for the zero Extent, and keeps it in
// memory: it maps the file and locks the mapping (mlock(2)), bounded by
// RLIMIT_MEMLOCK for who is not root. Nobody can evict a locked page, and it counts
// as used memory. The range is that of now: what the file grows by is not held, and
// what it loses is let go.
//
// Progress is called with the bytes loaded so far, and all.
func Lock(ctx context.Context, path string, e Extent, progress func(done, total int64)) (*Hold, error) {
	h, err := openFile("lock", path)
	if err != nil {
		return nil, err
	}
	s, err := spanOf(e, h.size)
	size := h.size
	if err := errors.Join(err, h.Close()); err != nil {
		return nil, &Error{Op: "lock", Path: path, Err: err}
	}
	m, err := filemap.Open(path)
	if err != nil {
		return nil, &Error{Op: "lock", Path: path, Err: why(err)}
	}
	hold := &Hold{m: m, path: path, extent: s.clip(size)}
	// In parts, so that it can be cancelled; mlock alone could not be.
	err = m.Populate(ctx, hold.extent.Offset, hold.extent.Length, func(done int64) {
		if progress != nil {
			progress(done, hold.extent.Length)
		}
	})
	if err == nil {
		err = m.Lock(hold.extent.Offset, hold.extent.Length)
	}
	if err != nil {
		var inner *filemap.Error
		if errors.As(err, &inner) { // which names the file again
			err = inner.Err
		}
		return nil, &Error{Op: "lock", Path: path, Offset: hold.extent.Offset, Length: hold.extent.Length, Err: errors.Join(err, m.Close())}
	}
	return hold, nil
}

// Measure counts what of the held range is in memory now.
func (h *Hold) Measure(ctx context.Context) (*Result, error) {
	f, err := openFile("lock", h.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	page := int64(sys.PageSize)
	s := span{h.extent.Offset / page, pages(h.extent.Offset + h.extent.Length)}
	r := newResult(f, []span{s})
	if err := ctx.Err(); err != nil {
		return nil, f.fail("lock", 0, 0, err)
	}
	r.AfterPages, err = f.cachedIn([]span{s})
	if f.method == nobody {
		r.Unknown["cached_pages"] = f.unknown()
	}
	r.ShrunkBytes = max(h.extent.Offset+h.extent.Length-f.size, 0)
	if err != nil {
		return nil, f.fail("lock", 0, 0, err)
	}
	return r, nil
}

// Bytes is how much is held.
func (h *Hold) Bytes() int64 { return h.extent.Length }

// Close lets the pages go: they stay in memory until the kernel wants it.
func (h *Hold) Close() error { return h.m.Close() }
