package comparison

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/contender"
)

// places is the sequence of places that hot visits: a generator (Marsaglia's
// xorshift, 13-7-17), of whose upper half so many bits are the number of an
// 8-byte word. It is part of every loop below, so that each does the same work
// but for the access itself. Accesses do not depend on each other: what is timed
// is how many there are in a time, not how long one takes.
//
// A place is six operations after the one before: as much as a cheap hash.
// README.md, "What hot can tell", has what is seen when places come faster.
type places struct{ mask uint64 }

const firstState = 0x9e3779b97f4a7c15

// placesOf visits words, a power of two.
func placesOf(words uint64) places { return places{mask: words - 1} }

func nextState(x uint64) uint64 {
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	return x
}

// loading is a mapping and a loop that loads n words of it and sums them.
type loading struct {
	load  func(n int) (uint64, error)
	close func() error
}

// storing is a mapping and a loop that stores place^salt to n places.
type storing struct {
	store func(n int, salt uint64) error
	close func() error
}

// The loops. None is inlined, so that none is compiled in better company. Those
// without calls do four accesses a turn (n is a multiple of four): with one, how
// the compiler happens to lay the turn's jumps out is a tenth of what is timed.

//go:noinline
func (p places) overWords(words []uint64, n int) (sum uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		sum += words[x>>32&p.mask]
		x = nextState(x)
		sum += words[x>>32&p.mask]
		x = nextState(x)
		sum += words[x>>32&p.mask]
		x = nextState(x)
		sum += words[x>>32&p.mask]
	}
	return sum
}

// words is a file's words as an array: with its length known, no index that is
// masked with it needs a check.
type words interface {
	[1 << 15]uint64 | [1 << 25]uint64
}

//go:noinline
func overArray[A words](a *A, n int) (sum uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		sum += (*a)[x>>32&uint64(len(*a)-1)]
		x = nextState(x)
		sum += (*a)[x>>32&uint64(len(*a)-1)]
		x = nextState(x)
		sum += (*a)[x>>32&uint64(len(*a)-1)]
		x = nextState(x)
		sum += (*a)[x>>32&uint64(len(*a)-1)]
	}
	return sum
}

//go:noinline
func (p places) overBytes(b []byte, n int) (sum uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		sum += binary.LittleEndian.Uint64(b[(x>>32&p.mask)*8:])
		x = nextState(x)
		sum += binary.LittleEndian.Uint64(b[(x>>32&p.mask)*8:])
		x = nextState(x)
		sum += binary.LittleEndian.Uint64(b[(x>>32&p.mask)*8:])
		x = nextState(x)
		sum += binary.LittleEndian.Uint64(b[(x>>32&p.mask)*8:])
	}
	return sum
}

//go:noinline
func (p places) overPointer(base unsafe.Pointer, n int) (sum uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		sum += *(*uint64)(unsafe.Add(base, (x>>32&p.mask)*8))
		x = nextState(x)
		sum += *(*uint64)(unsafe.Add(base, (x>>32&p.mask)*8))
		x = nextState(x)
		sum += *(*uint64)(unsafe.Add(base, (x>>32&p.mask)*8))
		x = nextState(x)
		sum += *(*uint64)(unsafe.Add(base, (x>>32&p.mask)*8))
	}
	return sum
}

//go:noinline
func (p places) overCalls(readAt func(p []byte, off int64) (int, error), n int) (sum uint64, err error) {
	word := make([]byte, 8)
	for x := uint64(firstState); n > 0; n-- {
		x = nextState(x)
		if _, err := readAt(word, int64((x>>32&p.mask)*8)); err != nil {
			return 0, err
		}
		sum += binary.LittleEndian.Uint64(word)
	}
	return sum, nil
}

//go:noinline
func (p places) overLoad(m *filemap.Map, n int) (sum uint64, err error) {
	for x := uint64(firstState); n > 0; n-- {
		x = nextState(x)
		word, err := filemap.Load[uint64](m, int64((x>>32&p.mask)*8))
		if err != nil {
			return 0, err
		}
		sum += word
	}
	return sum, nil
}

//go:noinline
func (p places) overPointerTo(m *filemap.Map, n int) (sum uint64, err error) {
	for x := uint64(firstState); n > 0; n-- {
		x = nextState(x)
		word, err := filemap.PointerTo[uint64](m, int64((x>>32&p.mask)*8))
		if err != nil {
			return 0, err
		}
		sum += *word
	}
	return sum, nil
}

//go:noinline
func (p places) toWords(words []uint64, n int, salt uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		place := x >> 32 & p.mask
		words[place] = place ^ salt
		x = nextState(x)
		place = x >> 32 & p.mask
		words[place] = place ^ salt
		x = nextState(x)
		place = x >> 32 & p.mask
		words[place] = place ^ salt
		x = nextState(x)
		place = x >> 32 & p.mask
		words[place] = place ^ salt
	}
}

//go:noinline
func toArray[A words](a *A, n int, salt uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		place := x >> 32 & uint64(len(*a)-1)
		(*a)[place] = place ^ salt
		x = nextState(x)
		place = x >> 32 & uint64(len(*a)-1)
		(*a)[place] = place ^ salt
		x = nextState(x)
		place = x >> 32 & uint64(len(*a)-1)
		(*a)[place] = place ^ salt
		x = nextState(x)
		place = x >> 32 & uint64(len(*a)-1)
		(*a)[place] = place ^ salt
	}
}

//go:noinline
func (p places) toBytes(b []byte, n int, salt uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		place := x >> 32 & p.mask
		binary.LittleEndian.PutUint64(b[place*8:], place^salt)
		x = nextState(x)
		place = x >> 32 & p.mask
		binary.LittleEndian.PutUint64(b[place*8:], place^salt)
		x = nextState(x)
		place = x >> 32 & p.mask
		binary.LittleEndian.PutUint64(b[place*8:], place^salt)
		x = nextState(x)
		place = x >> 32 & p.mask
		binary.LittleEndian.PutUint64(b[place*8:], place^salt)
	}
}

//go:noinline
func (p places) toPointer(base unsafe.Pointer, n int, salt uint64) {
	for x := uint64(firstState); n > 0; n -= 4 {
		x = nextState(x)
		place := x >> 32 & p.mask
		*(*uint64)(unsafe.Add(base, place*8)) = place ^ salt
		x = nextState(x)
		place = x >> 32 & p.mask
		*(*uint64)(unsafe.Add(base, place*8)) = place ^ salt
		x = nextState(x)
		place = x >> 32 & p.mask
		*(*uint64)(unsafe.Add(base, place*8)) = place ^ salt
		x = nextState(x)
		place = x >> 32 & p.mask
		*(*uint64)(unsafe.Add(base, place*8)) = place ^ salt
	}
}

//go:noinline
func (p places) toCalls(writeAt func(p []byte, off int64) (int, error), n int, salt uint64) error {
	word := make([]byte, 8)
	for x := uint64(firstState); n > 0; n-- {
		x = nextState(x)
		place := x >> 32 & p.mask
		binary.LittleEndian.PutUint64(word, place^salt)
		if _, err := writeAt(word, int64(place*8)); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func (p places) toStore(m *filemap.Map, n int, salt uint64) error {
	for x := uint64(firstState); n > 0; n-- {
		x = nextState(x)
		place := x >> 32 & p.mask
		if err := filemap.Store(m, int64(place*8), place^salt); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func (p places) toPointerTo(m *filemap.Map, n int, salt uint64) error {
	for x := uint64(firstState); n > 0; n-- {
		x = nextState(x)
		place := x >> 32 & p.mask
		word, err := filemap.PointerTo[uint64](m, int64(place*8))
		if err != nil {
			return err
		}
		*word = place ^ salt
	}
	return nil
}

// What the results are checked against.

func (p places) sumOf(word func(place uint64) uint64, n int) (sum uint64) {
	for x := uint64(firstState); n > 0; n-- {
		x = nextState(x)
		sum += word(x >> 32 & p.mask)
	}
	return sum
}

// firstWithout returns which of n stores is missing from words, or -1.
func (p places) firstWithout(words []uint64, salt uint64, n int) int {
	x := uint64(firstState)
	for i := range n {
		x = nextState(x)
		place := x >> 32 & p.mask
		if words[place] != place^salt {
			return i
		}
	}
	return -1
}

// Each loop on its mapping.

func (p places) loadSliceOf(path string) (*loading, error) {
	m, err := filemap.Open(path)
	if err != nil {
		return nil, err
	}
	words, err := filemap.SliceOf[uint64](m, 0, filemap.ToEnd)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &loading{func(n int) (uint64, error) { return p.overWords(words, n), nil }, m.Close}, nil
}

func loadArray[A words](path string) (*loading, error) {
	m, err := filemap.Open(path)
	if err != nil {
		return nil, err
	}
	array, err := filemap.PointerTo[A](m, 0)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &loading{func(n int) (uint64, error) { return overArray(array, n), nil }, m.Close}, nil
}

func (p places) loadLoad(path string) (*loading, error) {
	m, err := filemap.Open(path)
	if err != nil {
		return nil, err
	}
	return &loading{func(n int) (uint64, error) { return p.overLoad(m, n) }, m.Close}, nil
}

func (p places) loadPointerTo(path string) (*loading, error) {
	m, err := filemap.Open(path)
	if err != nil {
		return nil, err
	}
	return &loading{func(n int) (uint64, error) { return p.overPointerTo(m, n) }, m.Close}, nil
}

func (p places) loadBytes(library *contender.Library) func(path string) (*loading, error) {
	return func(path string) (*loading, error) {
		m, err := library.Read(path)
		if err != nil {
			return nil, err
		}
		return &loading{func(n int) (uint64, error) { return p.overBytes(m.Bytes, n), nil }, m.Close}, nil
	}
}

func (p places) loadReadAt(library *contender.Library) func(path string) (*loading, error) {
	return func(path string) (*loading, error) {
		m, err := library.Read(path)
		if err != nil {
			return nil, err
		}
		return &loading{func(n int) (uint64, error) { return p.overCalls(m.ReadAt, n) }, m.Close}, nil
	}
}

func (p places) loadPointer(path string) (*loading, error) {
	m, err := contender.Raw.Read(path)
	if err != nil {
		return nil, err
	}
	base := unsafe.Pointer(unsafe.SliceData(m.Bytes))
	return &loading{func(n int) (uint64, error) { return p.overPointer(base, n), nil }, m.Close}, nil
}

func (p places) storeSliceOf(path string) (*storing, error) {
	m, err := filemap.Open(path, filemap.ReadWrite)
	if err != nil {
		return nil, err
	}
	words, err := filemap.SliceOf[uint64](m, 0, filemap.ToEnd)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &storing{func(n int, salt uint64) error { p.toWords(words, n, salt); return nil }, m.Close}, nil
}

func storeArray[A words](path string) (*storing, error) {
	m, err := filemap.Open(path, filemap.ReadWrite)
	if err != nil {
		return nil, err
	}
	array, err := filemap.PointerTo[A](m, 0)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &storing{func(n int, salt uint64) error { toArray(array, n, salt); return nil }, m.Close}, nil
}

func (p places) storeStore(path string) (*storing, error) {
	m, err := filemap.Open(path, filemap.ReadWrite)
	if err != nil {
		return nil, err
	}
	return &storing{func(n int, salt uint64) error { return p.toStore(m, n, salt) }, m.Close}, nil
}

func (p places) storePointerTo(path string) (*storing, error) {
	m, err := filemap.Open(path, filemap.ReadWrite)
	if err != nil {
		return nil, err
	}
	return &storing{func(n int, salt uint64) error { return p.toPointerTo(m, n, salt) }, m.Close}, nil
}

func (p places) storeBytes(library *contender.Library) func(path string) (*storing, error) {
	return func(path string) (*storing, error) {
		m, err := library.Write(path)
		if err != nil {
			return nil, err
		}
		return &storing{func(n int, salt uint64) error { p.toBytes(m.Bytes, n, salt); return nil }, m.Close}, nil
	}
}

func (p places) storeWriteAt(library *contender.Library) func(path string) (*storing, error) {
	return func(path string) (*storing, error) {
		m, err := library.Write(path)
		if err != nil {
			return nil, err
		}
		return &storing{func(n int, salt uint64) error { return p.toCalls(m.WriteAt, n, salt) }, m.Close}, nil
	}
}

func (p places) storePointer(path string) (*storing, error) {
	m, err := contender.Raw.Write(path)
	if err != nil {
		return nil, err
	}
	base := unsafe.Pointer(unsafe.SliceData(m.Bytes))
	return &storing{func(n int, salt uint64) error { p.toPointer(base, n, salt); return nil }, m.Close}, nil
}
