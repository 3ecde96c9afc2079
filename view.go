package filemap

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"sync"
	"unsafe"

	"github.com/filemap-go/filemap/internal/sys"
)

// This file is the only one of the package that uses unsafe: it gives mapped
// bytes a type. What makes that sound is checked first: the type holds no Go
// pointers, its alignment divides the address, its size divides the length.

// Bytes returns the mapped bytes themselves, no copy: len and cap are Len. It
// returns nil once the Map is closed, and for one that is not mapped ([OrRead]).
//
// The slice is memory like any other until Close. A load or store that the
// system cannot serve (file truncated, device failed or full, ReadOnly) ends the
// process unless it happens under [Map.Guard]. The slice does not keep the Map
// alive, and need not: a Map is only ever unmapped by Close.
func (m *Map) Bytes() []byte {
	if m.closed.Load() || m.backing == Read {
		return nil
	}
	m.handOut()
	size := m.size.Load()
	return m.data[:size:size]
}

// Slice returns n mapped bytes from off, no copy; n may be [ToEnd]. Its capacity
// is its length, so that an append does not spill into the bytes behind it. What
// holds for [Map.Bytes] holds for it. Errors: [ErrBounds], [ErrClosed], [ErrNotMapped].
func (m *Map) Slice(off, n int64) ([]byte, error) {
	n, err := m.span("slice", off, n)
	if err != nil {
		return nil, err
	}
	if m.backing == Read {
		return nil, m.fail("slice", off, n, ErrNotMapped)
	}
	m.handOut()
	return m.data[off : off+n : off+n], nil
}

// SliceOf returns count elements of m as a []T, no copy. The first is at off, in bytes;
// count is a number of elements, or [ToEnd] for all there are from off. What holds for
// [Map.Bytes] holds for it.
//
// The elements are in the byte order of this machine, and laid out as Go lays
// T out here, padding included: for a file that moves between machines use
// fixed-size types, explicit padding, and a byte order of your own choice
// (encoding/binary on [Map.Bytes]).
//
// Errors: [ErrType] when T holds Go pointers (a pointer, string, slice, map,
// channel, function or interface, at any depth) or has size zero,
// [ErrAlignment] when the first element's address is no multiple of T's
// alignment, [ErrRagged] when the bytes to the end are no multiple of T's size,
// [ErrBounds], [ErrClosed], [ErrNotMapped].
func SliceOf[T any](m *Map, off, count int64) ([]T, error) {
	count, err := m.viewable(reflect.TypeFor[T](), off, count)
	if err != nil || count == 0 {
		return []T{}, err
	}
	m.handOut()
	return unsafe.Slice((*T)(unsafe.Pointer(&m.data[off])), int(count)), nil
}

// PointerTo returns the T at off of m, no copy. What holds for [SliceOf] holds
// for it; the T must lie inside the mapping.
func PointerTo[T any](m *Map, off int64) (*T, error) {
	t := reflect.TypeFor[T]()
	if _, err := m.viewable(t, off, 1); err != nil {
		return nil, err
	}
	m.handOut()
	return (*T)(unsafe.Pointer(&m.data[off])), nil
}

// viewable checks that count elements of type t can be viewed at off, and returns how
// many there are.
func (m *Map) viewable(t reflect.Type, off, count int64) (int64, error) {
	if reason := unviewable(t); reason != "" {
		return 0, m.fail("view", off, 0, fmt.Errorf("%w: %v %s", ErrType, t, reason))
	}
	size := int64(t.Size())
	if count > math.MaxInt64/size {
		return 0, m.fail("view", off, 0, fmt.Errorf("%w of the mapping, which has %d bytes: %d elements of %d bytes", ErrBounds, m.Len(), count, size))
	}
	n := count
	if count != ToEnd {
		n = count * size
	}
	n, err := m.span("view", off, n)
	if err != nil {
		return 0, err
	}
	if m.backing == Read {
		return 0, m.fail("view", off, n, ErrNotMapped)
	}
	if n%size != 0 {
		return 0, m.fail("view", off, n, fmt.Errorf("%w: %d bytes of %v, which has %d", ErrRagged, n, t, size))
	}
	if n > 0 && uintptr(unsafe.Pointer(&m.data[off]))%uintptr(t.Align()) != 0 {
		return 0, m.fail("view", off, n, fmt.Errorf("%w: %v needs a file offset that is a multiple of %d", ErrAlignment, t, t.Align()))
	}
	return n / size, nil
}

var viewableTypes sync.Map // reflect.Type to string: why not, or ""

// unviewable says why values of type t cannot live in a file, or "".
func unviewable(t reflect.Type) string {
	if known, ok := viewableTypes.Load(t); ok {
		return known.(string)
	}
	reason := ""
	if t.Size() == 0 {
		reason = "has no size"
	} else if held := pointerIn(t); held != nil {
		reason = fmt.Sprintf("holds a Go pointer (%v)", held)
	}
	viewableTypes.Store(t, reason)
	return reason
}

// pointerIn returns the type inside t that holds a pointer, or nil.
func pointerIn(t reflect.Type) reflect.Type {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return nil
	case reflect.Array:
		if t.Len() == 0 { // [0]func(), which keeps a struct from being compared
			return nil
		}
		return pointerIn(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if held := pointerIn(t.Field(i).Type); held != nil {
				return held
			}
		}
		return nil
	}
	return t
}

// Number is what [Load] and [Store] move: the types of a fixed form in memory.
type Number interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~int | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uint | ~uintptr |
		~float32 | ~float64 | ~complex64 | ~complex128
}

// Load returns the number at off of m, at any alignment, in the byte order of
// this machine. It is [Map.ReadAt] for one number: an *Error where the slice of
// [SliceOf] would crash. It is not atomic.
func Load[T Number](m *Map, off int64) (T, error) {
	var v T
	if _, err := m.span("load", off, int64(unsafe.Sizeof(v))); err != nil {
		return v, err
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v))
	if m.backing != Read && m.resident(off, int64(len(b))) {
		err := m.copyGuarded("load", b, m.data[off:])
		return v, err
	}
	cold := make([]byte, len(b)) // apart, so that v stays off the heap above
	_, err := m.read("load", cold, off)
	copy(b, cold)
	return v, err
}

// Store puts a number to off of m, at any alignment, in the byte order of this
// machine. It is [Map.WriteAt] for one number. It is not atomic.
func Store[T Number](m *Map, off int64, v T) error {
	n := int64(unsafe.Sizeof(v))
	if _, err := m.span("store", off, n); err != nil {
		return err
	}
	if m.mode == ReadOnly {
		return m.fail("store", off, n, ErrReadOnly)
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v))
	if err := m.beginStore("store", off, n, false); err != nil {
		return err
	}
	defer m.endStore(false)
	if m.backing != Read && m.resident(off, n) {
		return m.copyGuarded("store", m.data[off:], b)
	}
	_, err := m.write("store", bytes.Clone(b), off) // a clone, so that v stays off the heap above
	return err
}

// PageBytes returns the size of a page of this system, in bytes: the unit of
// protection, residency and advice.
func PageBytes() int { return sys.PageSize }
