package filemap_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/filemap-go/filemap"
)

type point struct {
	X, Y float64
	Tag  [4]uint16
	_    int32
}

func TestSliceOf(t *testing.T) {
	m := create(t, 64*24+5)
	// A point has 32 bytes, or 28 where a float64 needs no alignment to 8.
	points, err := filemap.SliceOf[point](m, 0, 24*64/int64(unsafe.Sizeof(point{})))
	if err != nil {
		t.Fatal(err)
	}
	if size := int(unsafe.Sizeof(point{})); len(points) != 24*64/size || cap(points) != len(points) {
		t.Errorf("len %d, cap %d of elements of %d bytes", len(points), cap(points), size)
	}
	points[3].Y = 1.5
	at := unsafe.Sizeof(point{})*3 + unsafe.Offsetof(point{}.Y)
	if got := math.Float64frombits(binary.NativeEndian.Uint64(m.Bytes()[at:])); got != 1.5 {
		t.Errorf("the file holds %v", got)
	}
	p, err := filemap.PointerTo[point](m, int64(unsafe.Sizeof(point{}))*3)
	if err != nil || p != &points[3] {
		t.Errorf("PointerTo: %p, want %p (%v)", p, &points[3], err)
	}
	if whole, err := filemap.SliceOf[byte](m, 1, filemap.ToEnd); err != nil || &whole[0] != &m.Bytes()[1] || len(whole) != 64*24+4 {
		t.Errorf("bytes to the end: %d, %v", len(whole), err)
	}
	if none, err := filemap.SliceOf[int64](m, 3, 0); err != nil || none == nil || len(none) != 0 {
		t.Errorf("an empty view: %v, %v", none, err)
	}
}

// TestSliceOfCountsElements: n is how many elements, as everywhere else in Go.
func TestSliceOfCountsElements(t *testing.T) {
	m := create(t, 1004*4)
	for i := range int64(1004) {
		if err := filemap.Store(m, i*4, float32(i)); err != nil {
			t.Fatal(err)
		}
	}
	floats, err := filemap.SliceOf[float32](m, 4, 1000)
	if err != nil || len(floats) != 1000 || floats[0] != 1 || floats[999] != 1000 {
		t.Errorf("%d elements, %v", len(floats), err)
	}
	if all, err := filemap.SliceOf[float32](m, 8, filemap.ToEnd); err != nil || len(all) != 1002 {
		t.Errorf("%d elements to the end, %v", len(all), err)
	}
	type uncomparable struct {
		_ [0]func()
		X int64
	}
	if one, err := filemap.SliceOf[uncomparable](m, 0, 3); err != nil || len(one) != 3 {
		t.Errorf("%d elements of a struct that cannot be compared, %v", len(one), err)
	}
}

type withString struct {
	N int
	S [2]struct{ Name string }
}

func TestViewErrors(t *testing.T) {
	m := create(t, 100)
	fails := func(err, want error, parts ...string) {
		t.Helper()
		wantError(t, err, want)
		for _, part := range parts {
			if err != nil && !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not say %q", err, part)
			}
		}
	}
	slice := func(_ any, err error) error { return err }
	fails(slice(filemap.SliceOf[*int](m, 0, 1)), filemap.ErrType, "*int")
	fails(slice(filemap.SliceOf[withString](m, 0, 0)), filemap.ErrType, "string")
	fails(slice(filemap.SliceOf[[]byte](m, 0, 1)), filemap.ErrType, "[]uint8")
	fails(slice(filemap.SliceOf[any](m, 0, 1)), filemap.ErrType)
	fails(slice(filemap.SliceOf[map[int]int](m, 0, 1)), filemap.ErrType)
	fails(slice(filemap.SliceOf[func()](m, 0, 1)), filemap.ErrType)
	fails(slice(filemap.SliceOf[chan int](m, 0, 1)), filemap.ErrType)
	fails(slice(filemap.SliceOf[unsafe.Pointer](m, 0, 1)), filemap.ErrType)
	fails(slice(filemap.SliceOf[struct{}](m, 0, 1)), filemap.ErrType, "size")
	fails(slice(filemap.SliceOf[[0]int](m, 0, 1)), filemap.ErrType, "size")
	fails(slice(filemap.SliceOf[int64](m, 0, filemap.ToEnd)), filemap.ErrRagged, "100", "8")
	fails(slice(filemap.SliceOf[int64](m, 0, 13)), filemap.ErrBounds)
	fails(slice(filemap.SliceOf[int64](m, 0, -2)), filemap.ErrBounds)
	fails(slice(filemap.SliceOf[int64](m, 0, math.MaxInt64/8+1)), filemap.ErrBounds, "elements")
	fails(slice(filemap.SliceOf[struct {
		_ [0]func()
		p *int
	}](m, 0, 1)), filemap.ErrType)
	fails(slice(filemap.SliceOf[int32](m, 2, 2)), filemap.ErrAlignment, "multiple of 4")
	fails(slice(filemap.SliceOf[int64](m, 96, 1)), filemap.ErrBounds)
	fails(slice(filemap.PointerTo[int64](m, 96)), filemap.ErrBounds)
	fails(slice(filemap.PointerTo[int64](m, -8)), filemap.ErrBounds)
	fails(slice(filemap.PointerTo[int32](m, 1)), filemap.ErrAlignment)
	fails(slice(filemap.PointerTo[string](m, 0)), filemap.ErrType)
	fails(slice(m.Slice(0, 101)), filemap.ErrBounds, "100 bytes")
	fails(slice(m.Slice(-1, 1)), filemap.ErrBounds)
	fails(slice(m.Slice(1, math.MaxInt64)), filemap.ErrBounds)
	fails(slice(m.Slice(101, filemap.ToEnd)), filemap.ErrBounds)
}

// TestViewAlignmentFollowsTheFile: a Range that begins off alignment makes the
// views of it misaligned, whatever their offset in the mapping.
func TestViewAlignmentFollowsTheFile(t *testing.T) {
	m := open(t, writeFile(t, pattern(1000)), filemap.Range(4, filemap.ToEnd))
	if _, err := filemap.SliceOf[int32](m, 0, 2); err != nil {
		t.Error(err)
	}
	_, err := filemap.PointerTo[[2]float64](m, 1)
	wantError(t, err, filemap.ErrAlignment)
}

func TestLoadStore(t *testing.T) {
	m := create(t, 33)
	for off := int64(0); off < 25; off++ {
		want := uint64(off) * 0x0102030405060708
		if err := filemap.Store(m, off, want); err != nil {
			t.Fatal(err)
		}
		got, err := filemap.Load[uint64](m, off)
		if err != nil || got != want || binary.NativeEndian.Uint64(m.Bytes()[off:]) != want {
			t.Errorf("at %d: %x, %v", off, got, err)
		}
	}
	_, err := filemap.Load[uint64](m, 26)
	wantError(t, err, filemap.ErrBounds)
	wantError(t, filemap.Store(m, 32, int16(1)), filemap.ErrBounds)
	wantError(t, filemap.Store(m, -1, int8(1)), filemap.ErrBounds)
}
