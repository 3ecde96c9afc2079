package pager

import (
	"bytes"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// Whole pages are stored without being read, whatever becomes of them then.
func TestOverwriteReadsNothing(t *testing.T) {
	for _, mode := range []Mode{Shared, Private, Transactional} {
		d := &device{}
		want := patterned(64)
		b := d.file("store", want)
		p := newPager(t, 16, withSwap)
		o := Options{Mode: mode}
		if mode == Transactional {
			o.journalFile = d.file("journal", nil)
		}
		m := mapStore(t, p, b, o)
		write := bytes.Repeat([]byte{0x77}, 40*sys.PageSize)
		if n, err := m.WriteAt(write, int64(5*sys.PageSize)); n != len(write) || err != nil {
			t.Fatal(mode, n, err)
		}
		if st := p.Stats(); st.Reads != 0 || st.Faults != 0 {
			t.Errorf("%v: %d reads, %d faults", mode, st.Reads, st.Faults)
		}
		copy(want[5*sys.PageSize:], write)
		got := make([]byte, len(want))
		if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Error(mode, "what was stored is not there:", err)
		}
		if mode == Transactional {
			if err := m.Commit(ctx); err != nil || !bytes.Equal(b.now, want) {
				t.Error("commit:", err)
			}
			continue
		}
		if err := m.Close(); err != nil || bytes.Equal(b.now, want) != (mode == Shared) {
			t.Error(mode, "close:", err)
		}
	}
}

// What is not a whole page keeps the rest of it.
func TestOverwriteOfParts(t *testing.T) {
	want := patterned(16)[:15*sys.PageSize+100]
	b := (&device{}).file("store", want)
	p := newPager(t, 16, nil)
	m := mapStore(t, p, b, Options{Mode: Shared})
	for _, at := range []struct{ off, n int }{{10, sys.PageSize}, {3 * sys.PageSize, 2*sys.PageSize + 7}, {15 * sys.PageSize, 100}, {7 * sys.PageSize, 1}} {
		piece := bytes.Repeat([]byte{0x55}, at.n)
		copy(want[at.off:], piece)
		if _, err := m.WriteAt(piece, int64(at.off)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Sync(ctx); err != nil || !bytes.Equal(b.durable, want) {
		t.Error(err)
	}
}
