package comparison

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// pagedOn is a contender on a few pages in memory.
func pagedOn(content []byte, w workload) *paged {
	return &paged{
		workload: w, random: rand.New(rand.NewPCG(1, 1)),
		mapping: &contender.Mapping{Bytes: content, Close: func() error { return nil }},
	}
}

// Accesses of any workload that see the right pages pass, and one wrong byte at
// either end of a page, or in the middle of the last one, does not.
func TestPagedChecks(t *testing.T) {
	const pages = 8
	good := make([]byte, pages*readBytes)
	pattern(0)(good, 0)
	draw := func(r *rand.Rand) int64 { return r.Int64N(pages) }
	for name, w := range map[string]workload{
		"reads":  {draw: draw, goroutines: 4},
		"writes": {draw: draw, goroutines: 2, readShare: 0.5},
	} {
		p := pagedOn(bytes.Clone(good), w)
		if err := errors.Join(p.before(400), p.run(400), p.check(400)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(p.mapping.Bytes, good) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	for _, at := range []int{3*readBytes + 1, 4*readBytes - 1} {
		bad := bytes.Clone(good)
		bad[at]++
		p := pagedOn(bad, workload{draw: draw, goroutines: 4})
		if err := errors.Join(p.before(400), p.run(400)); !errors.Is(err, harness.ErrWrong) {
			t.Errorf("a wrong byte at %d: %v", at, err)
		}
	}
	bad := bytes.Clone(good)
	bad[3*readBytes+2000]++
	p := pagedOn(bad, workload{draw: func(*rand.Rand) int64 { return 3 }, goroutines: 1})
	if err := errors.Join(p.before(1), p.run(1)); err != nil {
		t.Error(err)
	}
	if err := p.check(1); !errors.Is(err, harness.ErrWrong) {
		t.Errorf("a wrong byte inside the last page: %v", err)
	}
}

func TestDrawZipf(t *testing.T) {
	counts := map[int64]int{}
	r := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		page := drawZipf(r)
		if page < 0 || page >= 1<<pagedBits {
			t.Fatal(page)
		}
		counts[page]++
	}
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	if most < 6500 || most > 8800 { // 1/H of all pages, 0.076
		t.Errorf("the hottest page has %d of 100000 reads", most)
	}
}

// The database has the pages of the file.
func TestBboltContender(t *testing.T) {
	const pages = 300
	path := filepath.Join(t.TempDir(), "pages")
	if err := makeFile(path, pages*readBytes, pattern(0)); err != nil {
		t.Fatal(err)
	}
	m, err := contender.Bbolt.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	b := make([]byte, readBytes)
	for page := range int64(pages) {
		if _, err := m.ReadAt(b, page*readBytes); err != nil {
			t.Fatal(err)
		}
		if err := checkPattern(b[:contender.BboltValueBytes], 0, page*readBytes); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.ReadAt(b, pages*readBytes); err == nil {
		t.Error("a page behind the end")
	}
	st, err := os.Stat(path + ".bbolt")
	if err != nil || st.Size() > 2<<20 { // it doubles; two pages a value would be 4 MiB
		t.Errorf("%v bytes for %d, %v", st.Size(), pages*readBytes, err)
	}
}

func TestMemoryLimit(t *testing.T) {
	l, err := limitMemory(1 << 30)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("needs root and a memory cgroup:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := l.leave(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/memory/filemap-bench-*"); len(left) > 0 && strings.HasSuffix(left[0], strconv.Itoa(os.Getpid())) {
		t.Error("it was left behind")
	}
}

func TestFio(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pages")
	if err := makeFile(path, 1<<20, pattern(0)); err != nil {
		t.Fatal(err)
	}
	task, err := fioJob{path: path, pattern: "randread", block: readBytes, depth: 4}.newTask()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	value, err := task.Measure(1)
	if err != nil && strings.Contains(err.Error(), "fio") {
		t.Skip("needs a fio that runs here:", err)
	}
	if err != nil || value <= 0 || task.Check(1) != nil {
		t.Error(value, err)
	}
}
