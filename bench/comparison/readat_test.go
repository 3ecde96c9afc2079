package comparison

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// TestReadat: every contender reads right, in a small file of each kind.
func TestReadat(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []readatFile{{"resident", 8, 200, 0}, {"cold", 8, 200, 20}} {
		for _, goroutines := range []int{1, 64} {
			k := f.newCase(goroutines)
			t.Run(k.Name, func(t *testing.T) {
				if err := makeFile(filepath.Join(dir, "probe"), readBytes, pattern(0)); err != nil {
					t.Fatal(err)
				}
				if err := evict(filepath.Join(dir, "probe")); f.slowOps > 0 && err != nil {
					t.Skipf("no cold file here: %v", err)
				}
				d, err := harness.Run(t.Context(), &harness.Comparison{}, &k, harness.Settings{Runs: 1, Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range d.Results {
					if r.Outcome != "ok" {
						t.Errorf("%s: %s", r.Contender, r.Outcome)
					}
				}
			})
		}
	}
}

// TestPageAt: reads of a run are of distinct pages, and spread.
func TestPageAt(t *testing.T) {
	f := readatFile{bits: 12}
	for salt := range uint64(5) {
		seen := map[int64]bool{}
		near := 0
		for i := range uint64(1) << f.bits {
			page := f.pageAt(i, wordAt(salt))
			if seen[page] || page < 0 || page >= 1<<f.bits {
				t.Fatalf("salt %d: read %d is of page %d, not of a new one", salt, i, page)
			}
			if seen[page-1] || seen[page+1] {
				near++
			}
			seen[page] = true
			if i == 1<<7 && near > 30 {
				t.Errorf("salt %d: %d of the first %d pages are neighbours", salt, near, len(seen))
			}
		}
	}
}

// TestReadatCheck: a page that is another, or has one bad word, is found.
func TestReadatCheck(t *testing.T) {
	f := readatFile{bits: 4}
	read := func(spoil func(p []byte, off int64)) error {
		r := &reading{file: f, goroutines: 2, buffers: [][]byte{make([]byte, readBytes), make([]byte, readBytes)}, last: make([]int64, 2)}
		r.mapping = &contender.Mapping{ReadAt: func(p []byte, off int64) (int, error) {
			pattern(0)(p, off)
			spoil(p, off)
			return len(p), nil
		}}
		if err := r.run(16); err != nil {
			return err
		}
		return r.check(16)
	}
	if err := read(func([]byte, int64) {}); err != nil {
		t.Error(err)
	}
	if read(func(p []byte, off int64) { pattern(0)(p, off^readBytes) }) == nil {
		t.Error("other pages pass")
	}
	if read(func(p []byte, _ int64) { p[readBytes/2]++ }) == nil {
		t.Error("a wrong byte in the middle passes")
	}
}

func TestEvict(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pages")
	if err := makeFile(path, 256*readBytes, pattern(0)); err != nil {
		t.Fatal(err)
	}
	if err := evict(path); err != nil {
		t.Skipf("no cold file here: %v", err)
	}
	if _, err := os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	m, err := filemap.Open(path, filemap.Populated)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := evict(path); err == nil || !strings.Contains(err.Error(), "stay in memory") {
		t.Errorf("a file that is mapped is out of memory: %v", err)
	}
}
