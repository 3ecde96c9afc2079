package pagecache

import (
	"errors"
	"fmt"
	"math"

	"github.com/filemap-go/filemap/internal/sys"
)

// ToEnd is the length of everything from the offset to the end of the file.
const ToEnd = math.MaxInt64

// Extent is the half-open byte range [Offset, Offset+Length) of a file; its zero
// value stands for the whole file.
type Extent struct {
	Offset int64 `json:"offset_bytes"`
	Length int64 `json:"length_bytes"`
}

// handle is an open file and how the kernel can be asked about it.
type handle struct {
	sys.File
	path   string
	size   int64 // when it was opened
	method method
	why    error // of no method, or of none better than mincore
}

// method is the system call that answers.
type method string

const (
	cachestat method = "cachestat"
	mincore   method = "mincore"
	nobody    method = "" // none that tells this user the truth
)

// openFile opens a regular file for reading. It does not wait for a named pipe.
func openFile(op, path string) (*handle, error) {
	f, err := sys.OpenFile(path, 0, 0)
	if kind, is := sys.Unopenable(path, err); is {
		err = notRegular(kind)
	}
	if err != nil {
		return nil, &Error{Op: op, Path: path, Err: why(err)}
	}
	h := &handle{File: f, path: path}
	st, err := f.Stat()
	if err == nil && st.Kind != sys.Regular {
		err = notRegular(st.Kind)
	}
	if err == nil {
		h.size = st.Size
		err = h.ask()
	}
	if err != nil {
		return nil, &Error{Op: op, Path: path, Err: errors.Join(err, f.Close())}
	}
	return h, nil
}

// ask finds the call that tells this user the truth about the file.
func (h *handle) ask() error {
	source := h.PageCacheSource()
	h.why = source.Why
	switch source.By {
	case sys.ByCachestat:
		h.method = cachestat
	case sys.ByMincore:
		h.method = mincore
	case sys.NoSource:
		if !sys.TellsPageCache {
			return source.Why
		}
	}
	return nil
}

// unknown is why what is in memory of the file is not known, as the documents say it.
func (h *handle) unknown() string {
	if errors.Is(h.why, sys.ErrNeedsOwner) {
		return needsOwner()
	}
	return "unknown (" + h.why.Error() + ")"
}

// missing is why mincore cannot tell what cachestat would.
func (h *handle) missing() string {
	if errors.Is(h.why, errors.ErrUnsupported) {
		return reasonLinux
	}
	return "unknown (" + h.why.Error() + ")"
}

// fail makes the *Error of an operation on [off, off+n).
func (h *handle) fail(op string, off, n int64, err error) *Error {
	return &Error{Op: op, Path: h.path, Offset: off, Length: n, Err: err}
}

// pages is how many pages hold the first n bytes of a file.
func pages(n int64) int64 {
	page := int64(sys.PageSize)
	return n/page + min(n%page, 1)
}

// span is [begin, end) in pages.
type span struct{ begin, end int64 }

func (s span) pages() int64 { return s.end - s.begin }

func (s span) offset() int64 { return s.begin * int64(sys.PageSize) }

func (s span) bytes() int64 { return s.pages() * int64(sys.PageSize) }

// clip returns the bytes of the pages that are in a file of size bytes.
func (s span) clip(size int64) Extent {
	begin := s.offset()
	return Extent{begin, min(begin+s.bytes(), size) - begin}
}

// spanOf returns the pages that hold what the extent has of a file of size bytes.
func spanOf(e Extent, size int64) (span, error) {
	if e == (Extent{}) {
		return span{0, pages(size)}, nil
	}
	if e.Offset < 0 || e.Length < 0 {
		return span{}, fmt.Errorf("the range [%d, +%d) is no range: offset and length are 0 or more", e.Offset, e.Length)
	}
	if e.Offset > size {
		return span{}, fmt.Errorf("the range begins at %d, beyond the end of the file at %d", e.Offset, size)
	}
	end := size
	if e.Length < size-e.Offset {
		end = e.Offset + e.Length
	}
	if end == e.Offset {
		return span{e.Offset / int64(sys.PageSize), e.Offset / int64(sys.PageSize)}, nil
	}
	return span{e.Offset / int64(sys.PageSize), pages(end)}, nil
}

// PageBytes is the size of a page, in bytes.
func PageBytes() int64 { return int64(sys.PageSize) }
