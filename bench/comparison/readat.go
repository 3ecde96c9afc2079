package comparison

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
	"github.com/filemap-go/filemap/internal/sys"
)

// readat is reading 4 KiB at random places: by ReadAt where a library has it, by
// copying from its bytes where not. One operation is one read of one page into a
// buffer; the time of a run is shared out among all of its reads, by however many
// goroutines.
//
// Each read is of another page, the same sequence for everyone, so that nobody
// gains by reading a page twice in a run. The first and last word of what came
// are looked at as it comes, which takes everyone the same few ns; when the clock
// has stopped, each goroutine's last page is, whole.
//
//	resident   The file is in memory. Everyone reads the sequence once before the
//	           clock starts, so that pages are mapped, and known to be there where
//	           a library keeps such knowledge.
//	cold       Before each run the file is evicted while nobody maps it, found to
//	           be out of memory, and then mapped. Without advice the kernel reads
//	           megabytes around each fault: such contenders do fewer reads, since
//	           each takes so long.
func readat() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "readat",
		About: "random reads of 4 KiB, resident and cold, by 1 to 64 goroutines: ReadAt against peers' copies and pread",
	}
	resident := readatFile{"resident/256MB", 16, 1 << 14, 0}
	cold := readatFile{"cold/2GB", 19, 1 << 12, 64}
	for _, f := range []readatFile{resident, cold} {
		for _, goroutines := range []int{1, 8, 64} {
			c.Cases = append(c.Cases, f.newCase(goroutines))
		}
	}
	return c
}

// readatFile has 1<<bits pages, of which a run reads ops; with slowOps it is
// cold, and that is how many reads a contender does whom readahead holds up.
type readatFile struct {
	name    string
	bits    uint
	ops     int
	slowOps int
}

// readBytes is the size of a read and, in this comparison, of a page.
const readBytes = 4096

func (f readatFile) newCase(goroutines int) harness.Case {
	k := harness.Case{
		Name: fmt.Sprintf("%s/%d", f.name, goroutines), Unit: "ns/op", Better: harness.Lower, Ops: f.ops,
		Prepare: func(dir string) error {
			return makeFile(readatIn(dir), readBytes<<f.bits, pattern(0))
		},
	}
	for _, l := range []*contender.Library{
		&contender.Filemap,
		&contender.ExpMmap, &contender.MmapGo, &contender.MmapGoRandom,
		&contender.Ristretto, &contender.RistrettoRandom, &contender.Prometheus,
		&contender.OSFile,
	} {
		isAdvised := l == &contender.MmapGoRandom || l == &contender.RistrettoRandom
		r := harness.Contender{Name: l.Name, Role: l.Role, New: func(dir string) (*harness.Task, error) {
			return f.newTask(l, readatIn(dir), goroutines), nil
		}}
		switch {
		case f.slowOps == 0 && isAdvised:
			continue // advice is about what is not in memory
		case l.Role == harness.Peer && !isAdvised:
			r.Ops = f.slowOps
		}
		k.Contenders = append(k.Contenders, r)
	}
	return k
}

func readatIn(dir string) string { return filepath.Join(dir, "pages") }

// pageAt is the page of the i-th read of a run: for each salt another order of
// all pages.
func (f readatFile) pageAt(i, salt uint64) int64 {
	mask := uint64(1)<<f.bits - 1
	i = (i ^ salt) & mask
	for range 2 {
		i = i * 0x9e3779b97f4a7c15 & mask
		i ^= i >> (f.bits / 2)
	}
	return int64(i)
}

// reading is a contender at work.
type reading struct {
	file       readatFile
	path       string
	library    *contender.Library
	goroutines int

	mapping *contender.Mapping
	salt    uint64
	buffers [][]byte
	last    []int64 // the page that each goroutine has in its buffer
}

func (f readatFile) newTask(l *contender.Library, path string, goroutines int) *harness.Task {
	r := &reading{file: f, path: path, library: l, goroutines: goroutines, last: make([]int64, goroutines)}
	for range goroutines {
		r.buffers = append(r.buffers, make([]byte, readBytes))
	}
	return &harness.Task{Before: r.before, Run: r.run, Check: r.check, Close: r.close}
}

func (r *reading) before(n int) error {
	if n > 1<<r.file.bits {
		return fmt.Errorf("%d reads of distinct pages of %d", n, 1<<r.file.bits)
	}
	if r.file.slowOps > 0 {
		r.salt = wordAt(runsOfReadat.Add(1))
		if err := errors.Join(r.close(), evict(r.path)); err != nil {
			return err
		}
		return r.open()
	}
	if r.mapping == nil {
		if err := r.open(); err != nil {
			return err
		}
	}
	return r.run(n)
}

var runsOfReadat atomic.Uint64

func (r *reading) open() (err error) {
	r.mapping, err = r.library.Read(r.path)
	return err
}

// run shares n reads out among the goroutines.
func (r *reading) run(n int) error {
	errs := make([]error, r.goroutines)
	var all sync.WaitGroup
	for g := range r.goroutines {
		all.Go(func() { errs[g] = r.reads(g, n*g/r.goroutines, n*(g+1)/r.goroutines) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (r *reading) reads(g, from, to int) error {
	p := r.buffers[g]
	bytes, readAt := r.mapping.Bytes, r.mapping.ReadAt
	for i := from; i < to; i++ {
		page := r.file.pageAt(uint64(i), r.salt)
		if readAt == nil {
			copy(p, bytes[page*readBytes:])
		} else if _, err := readAt(p, page*readBytes); err != nil {
			return err
		}
		if !isPage(p, page) {
			return checkPattern(p, 0, page*readBytes)
		}
		r.last[g] = page
	}
	return nil
}

// isPage looks at the first and the last word.
func isPage(p []byte, page int64) bool {
	const words = readBytes / 8
	w := viewOf[uint64](p)
	first := uint64(page) * words
	return w[0] == patternAt(0, first) && w[words-1] == patternAt(0, first+words-1)
}

func (r *reading) check(n int) error {
	for g := range r.goroutines {
		if n*(g+1)/r.goroutines == n*g/r.goroutines {
			continue // it had nothing to read
		}
		if err := checkPattern(r.buffers[g], 0, r.last[g]*readBytes); err != nil {
			return err
		}
	}
	if r.file.slowOps > 0 {
		return r.close() // a page that is mapped is not evicted
	}
	return nil
}

func (r *reading) close() error {
	if r.mapping == nil {
		return nil
	}
	m := r.mapping
	r.mapping = nil
	return m.Close()
}

// evict takes a file, which nobody may have mapped, out of memory. A page or two
// that the kernel is busy with may stay.
func evict(path string) error {
	const tries, allowed = 20, 0.001
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	var left filemap.Residency
	for range tries {
		if err := f.Evict(); err != nil {
			return err
		}
		if left, err = residency(path); err != nil {
			return err
		}
		if float64(left.ResidentPages) <= allowed*float64(left.Pages) {
			return nil
		}
	}
	return fmt.Errorf("%d of %d pages stay in memory", left.ResidentPages, left.Pages)
}

func residency(path string) (r filemap.Residency, err error) {
	m, err := filemap.Open(path)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if r, err = m.Residency(context.Background(), 0, filemap.ToEnd); err == nil && !r.Known {
		err = errors.New("the system does not tell what is in memory")
	}
	return r, err
}
