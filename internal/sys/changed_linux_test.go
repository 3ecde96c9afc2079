package sys

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
)

// Every way finds exactly the pages that were stored to, swapped out ones too.
func TestChangedFindsStores(t *testing.T) {
	const pages = 3000
	f, err := OpenFile(filepath.Join(t.TempDir(), "file"), Write|Create, 0o600)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	_, err = f.WriteAt(make([]byte, pages*PageSize), 0)
	must(t, err)
	for _, finder := range []Finder{FindScan, FindPagemap} {
		if !finderWorks(finder) {
			t.Logf("needs a kernel with way %d of telling which pages were stored to", finder)
			continue
		}
		r := mapped(t, f, 0, pages*PageSize, ProtRead|ProtWrite, Staged)
		var sum byte
		for i := range pages / 2 {
			sum += r.Bytes()[i*PageSize]
		}
		want := map[int]bool{}
		for range 700 {
			page := rand.IntN(pages)
			r.Bytes()[page*PageSize+5] += 1 + sum
			want[page] = true
		}
		_ = r.Advise(PageOut, 0, pages*PageSize) // to swap, where there is any
		check := func() {
			t.Helper()
			spans, err := r.Changed(finder, []Span{{PageSize, 10 * PageSize}, {11 * PageSize, (pages - 11) * PageSize}})
			must(t, err)
			var found []int
			for _, s := range spans {
				for at := s.Off; at < s.Off+s.Len; at += PageSize {
					found = append(found, at/PageSize)
				}
			}
			var wanted []int
			for page := range want {
				if page > 0 {
					wanted = append(wanted, page)
				}
			}
			slices.Sort(wanted)
			if !slices.Equal(found, wanted) {
				t.Errorf("way %d: found %d pages, stored to %d", finder, len(found), len(wanted))
			}
		}
		check()
		must(t, DropPrivate([]Range{{r, 0, pages / 2 * PageSize}}))
		for page := range pages / 2 {
			delete(want, page)
		}
		check()
	}
}
