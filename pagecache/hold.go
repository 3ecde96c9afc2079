package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

// Hold keeps pages of a file in memory until it is closed, or the process ends.
type Hold struct {
	region sys.Region
	path   string
	pages  span
	size   int64 // of the file, when it was locked
}

// lockBytes is how much is locked between looks at the context.
const lockBytes = 8 << 20

// Lock loads [Extent] of a file, all of it for the zero Extent, and keeps it in
// memory: it maps the file and locks the mapping (mlock(2)). Nobody can evict a locked
// page, and it counts as used memory. The range is that of now: what the file grows by
// is not held, and what it loses is let go. The file does not stay open.
//
// What there is no room for is refused before anything is done: see [MayLock], which
// callers that lock many files ask first. Of less than 8 MiB Lock asks RLIMIT_MEMLOCK
// alone.
//
// Progress is called with the bytes loaded so far, and all.
func Lock(ctx context.Context, path string, e Extent, progress func(done, total int64)) (*Hold, error) {
	h, err := openFile("lock", path)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	s, err := spanOf(e, h.size)
	if err != nil {
		return nil, h.fail("lock", 0, 0, err)
	}
	hold := &Hold{path: path, pages: s, size: h.size}
	if s.pages() == 0 {
		return hold, nil
	}
	fail := func(err error) (*Hold, error) {
		where := s.clip(h.size)
		return nil, h.fail("lock", where.Offset, where.Length, err)
	}
	if s.bytes() >= lockBytes {
		err = MayLock(s.bytes(), 1)
	} else {
		err = mayLockBytes(s.bytes())
	}
	if err != nil {
		return fail(err)
	}
	if err := hold.lock(ctx, h, progress); err != nil {
		return fail(err)
	}
	return hold, nil
}

// lock maps the pages and locks them, part by part, so that it can be cancelled.
func (h *Hold) lock(ctx context.Context, file *handle, progress func(done, total int64)) error {
	begin := h.pages.offset() / int64(sys.Granularity) * int64(sys.Granularity)
	before := int(h.pages.offset() - begin)
	total := int(h.pages.bytes())
	region, err := sys.MapFile(file.File, begin, before+total, sys.ProtRead, sys.Shared)
	if err != nil {
		if sys.NoMemory(err) {
			return fmt.Errorf("it cannot be mapped: %w (memory, addresses or vm.max_map_count ran out)", err)
		}
		return fmt.Errorf("it cannot be mapped: %w", err)
	}
	for done := 0; done < total && err == nil; {
		n := min(total-done, lockBytes)
		if err = ctx.Err(); err != nil {
			break
		}
		if err = region.Lock(before+done, n); err != nil {
			err = whyNotLocked(file, h.pages.offset()+int64(done), err)
			break
		}
		if done += n; progress != nil {
			progress(int64(done), int64(total))
		}
	}
	if err != nil {
		return errors.Join(err, region.Release())
	}
	h.region = region
	return nil
}

// whyNotLocked finds the cause that mlock(2) hides behind ENOMEM: a page that cannot
// be read, or is not of the file any more.
func whyNotLocked(file *handle, off int64, err error) error {
	st, statErr := file.Stat()
	if statErr == nil && st.Size < file.size {
		return ErrShrunk
	}
	buffer := make([]byte, 1<<20)
	for at := off; at < min(off+lockBytes, file.size); at += int64(len(buffer)) {
		if _, readErr := file.ReadAt(buffer, at); readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("at byte %d: %w", at, readErr)
		}
	}
	if sys.IsLockLimit(err) {
		return &reworded{fmt.Sprintf("%v (memory, RLIMIT_MEMLOCK or a control group's limit ran out meanwhile)", err), errors.Join(ErrNoRoom, err)}
	}
	return err
}

// Measure counts what of the held range is in memory now.
func (h *Hold) Measure(ctx context.Context) (*Result, error) {
	f, err := openFile("lock", h.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := newResult(f, []span{h.pages})
	if err := ctx.Err(); err != nil {
		return nil, f.fail("lock", 0, 0, err)
	}
	r.AfterPages, err = f.cachedIn([]span{h.pages})
	if f.method == nobody {
		r.Unknown["cached_pages"] = f.unknown()
	}
	r.ShrunkBytes = max(h.pages.clip(h.size).Offset+h.Bytes()-f.size, 0)
	if err != nil {
		return nil, f.fail("lock", 0, 0, err)
	}
	return r, nil
}

// Bytes is how much of the file is held.
func (h *Hold) Bytes() int64 { return max(h.pages.clip(h.size).Length, 0) }

// MemoryBytes is how much memory holds it: whole pages.
func (h *Hold) MemoryBytes() int64 { return h.pages.bytes() }

// Close lets the pages go: they stay in memory until the kernel wants it.
func (h *Hold) Close() error {
	if h.region.Len() == 0 {
		return nil
	}
	region := h.region
	h.region = sys.Region{}
	return region.Release()
}

// PageRange is how many bytes of memory the pages have that hold what the extent has
// of a file of size bytes: what [Lock] takes.
func (e Extent) PageRange(size int64) (bytes int64, err error) {
	s, err := spanOf(e, size)
	return s.bytes(), err
}
