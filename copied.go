package filemap

import (
	"errors"
	"fmt"
	"math"

	"github.com/filemap-go/filemap/internal/sys"
)

// heapBytes is up to how many bytes a copy is made on Go's heap.
const heapBytes = 1 << 20

// copyBuffer returns n bytes of memory for a copy of a file's, and how to give them
// back. How many those are is the file's doing: where there are not so many, Go's
// allocator would end the process. Memory that is mapped for the purpose can be
// refused instead, which is an [ErrMapLimit].
func copyBuffer(n int64) (b []byte, free func() error, err error) {
	if n <= heapBytes {
		return make([]byte, n), func() error { return nil }, nil
	}
	if n > math.MaxInt-int64(sys.Granularity) {
		return nil, nil, ErrTooLarge
	}
	if has, known := sys.Memory(); known && n > has {
		return nil, nil, fmt.Errorf("%w: a copy of %d bytes, and this machine has %d of memory (take parts of it)", ErrMapLimit, n, has)
	}
	c := newConfig(Private, nil)
	m, err := newAnonymous(n, &c)
	if err != nil {
		var typed *Error
		if errors.As(err, &typed) {
			err = typed.Err
		}
		return nil, nil, fmt.Errorf("a copy of %d bytes (take parts of it): %w", n, err)
	}
	return m.data, m.Close, nil
}

// viewCopy is View, and Update, of a Map whose Backing is Read.
func (m *Map) viewCopy(op string, off, n int64, f func(b []byte) error) (err error) {
	b, free, err := copyBuffer(n)
	if err != nil {
		return m.fail(op, off, n, err)
	}
	defer freed(free, &err)
	if _, err := m.readFile(op, b, off); err != nil {
		return err
	}
	return f(b)
}

// freed frees, and has err say so when that fails. What f returned stays as it is.
func freed(free func() error, err *error) {
	if failed := free(); failed != nil {
		*err = errors.Join(*err, failed)
	}
}
