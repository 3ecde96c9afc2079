package filemap_test

import (
	"context"
	"errors"
	"testing"

	"github.com/filemap-go/filemap"
)

func TestPopulate(t *testing.T) {
	for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
		m := open(t, writeFile(t, pattern(20<<20+5)), mode, filemap.Range(5000, filemap.ToEnd))
		var steps []int64
		if err := m.Populate(t.Context(), 100, m.Len()-200, func(done int64) { steps = append(steps, done) }); err != nil {
			t.Fatal(err)
		}
		if len(steps) != 3 || steps[2] != m.Len()-200 {
			t.Errorf("progress was %v", steps)
		}
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		err := m.Populate(ctx, 0, filemap.ToEnd, func(int64) { calls++; cancel() })
		if calls != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d parts after the cancel, %v", calls-1, err)
		}
		wantError(t, m.Populate(t.Context(), m.Len(), 1, nil), filemap.ErrBounds)
	}
	if m, err := filemap.Open(writeFile(t, pattern(9000)), filemap.Populated); err != nil {
		t.Error(err)
	} else {
		closeQuietly(t, m)
	}
}

// TestAdvice gives every advice to every kind of mapping, on odd ranges: the
// bytes stay what they are, and what is not done is an error.
func TestAdvice(t *testing.T) {
	content := pattern(3*65536 + 10)
	for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
		for a := filemap.Normal; a <= filemap.Unmergeable; a++ {
			m := open(t, writeFile(t, content), mode, filemap.Range(3, filemap.ToEnd))
			err := m.Advise(a, 4000, 70_000)
			if err != nil && !errors.Is(err, errors.ErrUnsupported) && a != filemap.PopulateWrite {
				t.Errorf("advice %d of a %v mapping: %v", a, mode, err)
			}
			if a == filemap.PopulateWrite && (err == nil) == (mode == filemap.ReadOnly) {
				skipUnsupported(t, err)
				t.Errorf("PopulateWrite of a %v mapping: %v", mode, err)
			}
			if string(m.Bytes()) != string(content[3:]) {
				t.Errorf("advice %d of a %v mapping changed its bytes", a, mode)
			}
		}
	}
	m := open(t, writeFile(t, content))
	wantError(t, m.Advise(filemap.Random, 0, m.Len()+1), filemap.ErrBounds)
	wantError(t, m.Advise(filemap.Advice(200), 0, 1), filemap.ErrOption)
	wantError(t, m.Advise(filemap.Advice(filemap.DontNeed), 0, 1), filemap.ErrOption)
	wantError(t, m.AdviseDestructive(filemap.DestructiveAdvice(filemap.Random), 0, 1), filemap.ErrOption)
}

func TestDestructiveAdvice(t *testing.T) {
	page := int64(filemap.PageBytes())
	content := pattern(int(4*page) + 10)
	t.Run("DontNeed brings the file back", func(t *testing.T) {
		m := open(t, writeFile(t, content), filemap.Private)
		clear(m.Bytes())
		err := m.AdviseDestructive(filemap.DontNeed, page, filemap.ToEnd)
		skipUnsupported(t, err)
		if err != nil || string(m.Bytes()[page:]) != string(content[page:]) || m.Bytes()[page-1] != 0 {
			t.Errorf("the private stores are not gone, or too many are (%v)", err)
		}
	})
	t.Run("alignment", func(t *testing.T) {
		m := open(t, writeFile(t, content), filemap.ReadWrite)
		wantError(t, m.AdviseDestructive(filemap.DontNeed, 1, page), filemap.ErrAlignment)
		wantError(t, m.AdviseDestructive(filemap.DontNeed, 0, page-1), filemap.ErrAlignment)
		wantError(t, m.AdviseDestructive(filemap.Remove, 0, filemap.ToEnd), filemap.ErrAlignment)
		wantError(t, m.AdviseDestructive(filemap.Remove, 0, 5*page), filemap.ErrBounds)
		wantError(t, m.AdviseDestructive(filemap.Free, 0, page), filemap.ErrOption)
	})
	t.Run("Remove", func(t *testing.T) {
		m := open(t, writeFile(t, content), filemap.ReadWrite)
		err := m.AdviseDestructive(filemap.Remove, page, 2*page)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skipf("unsupported by this file system or system: %v", err)
		}
		want := append([]byte(nil), content...)
		clear(want[page : 3*page])
		if err != nil || string(m.Bytes()) != string(want) {
			t.Errorf("the hole is not where it should be (%v)", err)
		}
		ro := open(t, writeFile(t, content))
		wantError(t, ro.AdviseDestructive(filemap.Remove, 0, page), filemap.ErrOption)
	})
	t.Run("Free", func(t *testing.T) {
		m, err := filemap.Anonymous(4 * page)
		if err != nil {
			t.Fatal(err)
		}
		defer closeQuietly(t, m)
		err = m.AdviseDestructive(filemap.Free, 0, page)
		skipUnsupported(t, err)
		if err != nil {
			t.Error(err)
		}
	})
}

func TestLock(t *testing.T) {
	m := open(t, writeFile(t, pattern(50_000)), filemap.Range(10, filemap.ToEnd))
	err := m.Lock(5000, 10_000)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Unlock(5000, 10_000); err != nil {
		t.Error(err)
	}
	wantError(t, m.Lock(0, m.Len()+1), filemap.ErrBounds)
	locked := open(t, writeFile(t, pattern(5000)), filemap.Locked)
	if r, err := locked.Residency(t.Context(), 0, filemap.ToEnd); err == nil && r.Known && r.ResidentPages != r.Pages {
		t.Errorf("locked: %+v", r)
	}
}

func TestResidency(t *testing.T) {
	page := int64(filemap.PageBytes())
	m := open(t, writeFile(t, pattern(int(9*page)+100)), filemap.Range(page/2, filemap.ToEnd))
	if _, err := m.Residency(t.Context(), 0, 0); err != nil {
		skipUnsupported(t, err)
		t.Fatal(err)
	}
	if err := m.Populate(t.Context(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct{ off, n, pages int64 }{
		{0, filemap.ToEnd, 10}, {0, 1, 1}, {page / 2, 1, 1}, {page/2 - 1, 2, 2}, {1, 3 * page, 4}, {m.Len(), 0, 0},
	} {
		got, err := m.Residency(t.Context(), r.off, r.n)
		skipUnsupported(t, err)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Known || got.Pages != r.pages || got.ResidentPages != r.pages || got.PageBytes != int(page) {
			t.Errorf("[%d,+%d): %+v, want %d pages, all resident", r.off, r.n, got, r.pages)
		}
		n := r.n
		if n == filemap.ToEnd {
			n = m.Len() - r.off
		}
		if r.pages > 0 && (len(got.Extents) != 1 || got.Extents[0] != (filemap.Extent{Offset: r.off, Length: n})) {
			t.Errorf("[%d,+%d): extents %v", r.off, r.n, got.Extents)
		}
	}
	_, err := m.Residency(t.Context(), 0, m.Len()+1)
	wantError(t, err, filemap.ErrBounds)
}
