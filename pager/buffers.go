package pager

import (
	"sync"

	"github.com/filemap-go/filemap/internal/sys"
)

// buffers are pieces of memory of one size, that are used again and again: the
// system's tables for them do not change. They are made when the first is taken.
type buffers struct {
	bytes, count int // of each, and how many
	huge         bool

	once   sync.Once
	region sys.Region
	idle   chan []byte
}

func (b *buffers) init(bytes, count int, huge bool) {
	b.bytes, b.count, b.huge = bytes, count, huge
	b.idle = make(chan []byte, count)
}

// take returns a buffer, or nil when all are in use.
func (b *buffers) take() []byte {
	b.once.Do(b.make)
	select {
	case one := <-b.idle:
		return one
	default:
		return nil
	}
}

func (b *buffers) put(one []byte) { b.idle <- one }

// make leaves none where the system has no memory for them.
func (b *buffers) make() {
	region, err := sys.MapAnonymous(b.bytes*b.count, sys.ProtRead|sys.ProtWrite, false)
	if err != nil {
		return
	}
	if b.huge {
		// Only where there are such pages; larger transfers are one request then.
		_ = region.Advise(sys.HugePage, 0, region.Len())
	}
	b.region = region
	for at := 0; at < b.bytes*b.count; at += b.bytes {
		b.put(region.Bytes()[at : at+b.bytes : at+b.bytes])
	}
}

// inUse is how many are not idle.
func (b *buffers) inUse() int {
	if b.region.Len() == 0 {
		return 0
	}
	return b.count - len(b.idle)
}

// close gives the memory back. None is in use.
func (b *buffers) close() error {
	if b.region.Len() == 0 {
		return nil
	}
	return b.region.Release()
}
