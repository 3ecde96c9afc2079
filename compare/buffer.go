package compare

import "github.com/filemap-go/filemap"

// buffer is memory for a contender that copies: pages of their own, so that the
// garbage collector neither moves nor scans them, touched beforehand.
type buffer struct {
	memory   *filemap.Map
	bytes    []byte
	integers []int32
}

func newBuffer(integers int64) (*buffer, error) {
	m, err := filemap.Anonymous(integers * integerBytes)
	if err != nil {
		return nil, err
	}
	view, err := filemap.SliceOf[int32](m, 0, filemap.ToEnd)
	if err != nil {
		return nil, err
	}
	clear(view)
	return &buffer{m, m.Bytes(), view}, nil
}

// part returns the first n integers, as bytes and as integers.
func (b *buffer) part(n int64) ([]byte, []int32) {
	return b.bytes[:n*integerBytes], b.integers[:n]
}

func (b *buffer) close() error { return b.memory.Close() }
