package filemap_test

import (
	"context"
	"math/bits"
	"os"
	"sync/atomic"
	"testing"

	"github.com/filemap-go/filemap"
)

// endsAfter is a context that has ended when its Err was asked for so many times.
type endsAfter struct {
	context.Context
	looks atomic.Int64
}

func (c *endsAfter) Err() error {
	if c.looks.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestResidencyEndsWithItsContext: a file may have more pages than anybody waits for.
func TestResidencyEndsWithItsContext(t *testing.T) {
	if bits.UintSize == 32 {
		t.Skip("addresses have 32 bits here")
	}
	path := writeFile(t, nil)
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skipf("needs a file system with files of 1 TiB: %v", err)
	}
	m := open(t, path)
	for looks := range int64(4) {
		ctx := &endsAfter{Context: t.Context()}
		ctx.looks.Store(looks)
		_, err := m.Residency(ctx, 0, filemap.ToEnd)
		wantError(t, err, context.Canceled)
		if left := ctx.looks.Load(); left != -1 {
			t.Errorf("it was asked %d times more, when it had ended", -1-left)
		}
	}
}

// TestResidencyOfSparseFile finds the few pages that are in memory of many.
func TestResidencyOfSparseFile(t *testing.T) {
	const size = 1 << 30
	path := writeFile(t, nil)
	if err := os.Truncate(path, size); err != nil {
		t.Skipf("needs a file system with files of 1 GiB: %v", err)
	}
	m := open(t, path)
	page := int64(filemap.PageBytes())
	places := []int64{0, 300 << 20, size - page}
	for _, off := range places {
		if err := m.Populate(t.Context(), off, page, nil); err != nil {
			t.Fatal(err)
		}
	}
	r, err := m.Residency(t.Context(), 0, filemap.ToEnd)
	if err != nil || !r.Known {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, off := range places {
		found := false
		for _, e := range r.Extents {
			found = found || off >= e.Offset && off+page <= e.Offset+e.Length
		}
		if !found {
			t.Errorf("the page at %d is in memory; %+v", off, r.Extents)
		}
	}
	if r.Pages != size/page || r.ResidentPages > r.Pages/4 {
		t.Errorf("%d of %d pages", r.ResidentPages, r.Pages)
	}
}
