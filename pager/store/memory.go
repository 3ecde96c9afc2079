package store

import (
	"io"
	"sync"
)

// Memory is a store in memory, of a fixed size. It is safe for concurrent use.
type Memory struct {
	mu    sync.RWMutex
	bytes []byte
}

// NewMemory returns a store of that many zero bytes.
func NewMemory(size int64) *Memory { return &Memory{bytes: make([]byte, size)} }

// NewMemoryOf returns a store of these bytes, which are its own from then on.
func NewMemoryOf(b []byte) *Memory { return &Memory{bytes: b} }

// ReadAt copies bytes out of the store; beyond its end there is io.EOF.
func (m *Memory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, m.fail("read", off, len(p))
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if off >= int64(len(m.bytes)) {
		return 0, io.EOF
	}
	n := copy(p, m.bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt copies bytes into the store. Beyond its end is ErrBounds, and nothing
// is written.
func (m *Memory) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if off < 0 || off > int64(len(m.bytes))-int64(len(p)) {
		return 0, m.fail("write", off, len(p))
	}
	return copy(m.bytes[off:], p), nil
}

// Size is the length in bytes.
func (m *Memory) Size() (int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return int64(len(m.bytes)), nil
}

// Sync does nothing: memory is as durable as it gets.
func (m *Memory) Sync() error { return nil }

func (m *Memory) fail(op string, off int64, n int) error {
	return &Error{Op: op, Path: "memory", Offset: off, Length: int64(n), Err: ErrBounds}
}
