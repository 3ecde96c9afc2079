package comparison

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// hot is what an access costs once the file is in memory and mapped: loads and
// stores of 8 bytes at random places, by the library's slice, by a peer's bytes,
// and by a bare pointer. One operation is one access. The places are the same
// sequence for everyone (hot_loops.go, which has every loop), and everyone goes
// through it once more before each run, the clock stopped (README.md, "What
// idling costs").
//
// Loads are summed, and the sum must be what the file's formula gives. After
// stores the sequence is gone through again by another mapping: every place must
// hold what this run, and no earlier one, has put there.
//
// The first of ours, whose ratios are the document's, does what the raw pointer
// does: PointerTo an array, indexed without a check of bounds. A slice checks.
//
// The cases load-call and store-call are about calls that check and return an
// error at every access. They have no limit: a pointer does not do that work.
func hot() *harness.Comparison {
	// The first fits a second-level cache, the second no cache at all.
	small, large := hotFile{"256KB", 18, 1 << 20}, hotFile{"256MB", 28, 1 << 20}
	return &harness.Comparison{
		Name:  "hot",
		About: "random 8-byte loads and stores in a resident file: the library's views against a raw pointer",
		Cases: []harness.Case{
			small.newCase("load", small.loaders()),
			large.newCase("load", large.loaders()),
			small.newCase("store", small.storers()),
			large.newCase("store", large.storers()),
			small.newCase("load-call", small.loadCallers()),
			small.newCase("store-call", small.storeCallers()),
		},
	}
}

// hotFile is the file of a case: 1<<bits bytes, and how many accesses a run has.
type hotFile struct {
	name string
	bits uint
	ops  int
}

func hotIn(dir string) string { return filepath.Join(dir, "hot") }

// places is the sequence of this file's words.
func (f hotFile) places() places { return placesOf(1 << (f.bits - 3)) }

func (f hotFile) newCase(access string, contenders []harness.Contender) harness.Case {
	return harness.Case{
		Name: access + "/" + f.name, Unit: "ns/op", Better: harness.Lower, Ops: f.ops, Contenders: contenders,
		Prepare: func(dir string) error {
			return makeFile(hotIn(dir), 1<<f.bits, func(p []byte, off int64) {
				words := viewOf[uint64](p)
				for i := range words {
					words[i] = wordAt(uint64(off)/8 + uint64(i))
				}
			})
		},
	}
}

// wordAt is what the file holds at a place before anyone stores to it.
func wordAt(place uint64) uint64 {
	place = (place ^ place>>30) * 0xbf58476d1ce4e5b9
	return place ^ place>>27
}

func (f hotFile) loadArray() func(path string) (*loading, error) {
	if f.bits == 18 {
		return loadArray[[1 << 15]uint64]
	}
	return loadArray[[1 << 25]uint64]
}

func (f hotFile) storeArray() func(path string) (*storing, error) {
	if f.bits == 18 {
		return storeArray[[1 << 15]uint64]
	}
	return storeArray[[1 << 25]uint64]
}

func (f hotFile) loaders() []harness.Contender {
	p := f.places()
	all := []harness.Contender{
		f.loader("filemap array", harness.Ours, f.loadArray()),
		f.loader("filemap SliceOf", harness.Ours, p.loadSliceOf),
		f.loader("filemap Bytes", harness.Ours, p.loadBytes(&contender.Filemap)),
	}
	for _, library := range contender.Peers() {
		begin := p.loadBytes(library)
		if library == &contender.ExpMmap { // hands out no bytes
			begin = p.loadReadAt(library)
		}
		all = append(all, f.loader(library.Name, library.Role, begin))
	}
	return append(all,
		slow(f.loader("os.File", harness.Alternative, p.loadReadAt(&contender.OSFile))),
		f.loader("raw pointer", harness.Limit, p.loadPointer))
}

func (f hotFile) storers() []harness.Contender {
	p := f.places()
	all := []harness.Contender{
		f.storer("filemap array", harness.Ours, f.storeArray()),
		f.storer("filemap SliceOf", harness.Ours, p.storeSliceOf),
		f.storer("filemap Bytes", harness.Ours, p.storeBytes(&contender.Filemap)),
	}
	for _, library := range contender.Peers() {
		if library.Write != nil {
			all = append(all, f.storer(library.Name, library.Role, p.storeBytes(library)))
		}
	}
	return append(all,
		slow(f.storer("os.File", harness.Alternative, p.storeWriteAt(&contender.OSFile))),
		f.storer("raw pointer", harness.Limit, p.storePointer))
}

func (f hotFile) loadCallers() []harness.Contender {
	p := f.places()
	return []harness.Contender{
		f.loader("filemap Load", harness.Ours, p.loadLoad),
		f.loader("filemap ReadAt", harness.Ours, p.loadReadAt(&contender.Filemap)),
		f.loader("filemap PointerTo", harness.Ours, p.loadPointerTo),
		f.loader(contender.ExpMmap.Name, harness.Peer, p.loadReadAt(&contender.ExpMmap)),
		slow(f.loader("os.File", harness.Alternative, p.loadReadAt(&contender.OSFile))),
	}
}

func (f hotFile) storeCallers() []harness.Contender {
	p := f.places()
	return []harness.Contender{
		f.storer("filemap Store", harness.Ours, p.storeStore),
		f.storer("filemap WriteAt", harness.Ours, p.storeWriteAt(&contender.Filemap)),
		f.storer("filemap PointerTo", harness.Ours, p.storePointerTo),
		slow(f.storer("os.File", harness.Alternative, p.storeWriteAt(&contender.OSFile))),
	}
}

// slow gives fewer operations to a contender that makes a system call for each.
func slow(c harness.Contender) harness.Contender {
	c.Ops = 1 << 14
	return c
}

// loader makes a contender of a loop that loads n words and returns their sum.
func (f hotFile) loader(name string, role harness.Role, begin func(path string) (*loading, error)) harness.Contender {
	return harness.Contender{Name: name, Role: role, New: func(dir string) (*harness.Task, error) {
		l, err := begin(hotIn(dir))
		if err != nil {
			return nil, err
		}
		var sum uint64
		return &harness.Task{
			Before: func(n int) error { _, err := l.load(n); return err },
			Run:    func(n int) (err error) { sum, err = l.load(n); return err },
			Check:  func(n int) error { return f.checkSum(n, sum) },
			Close:  l.close,
		}, nil
	}}
}

// sums remembers what checkSum has worked out: hotSum to uint64.
var sums sync.Map

type hotSum struct {
	bits uint
	n    int
}

func (f hotFile) checkSum(n int, sum uint64) error {
	want, known := sums.Load(hotSum{f.bits, n})
	if !known {
		want = f.places().sumOf(wordAt, n)
		sums.Store(hotSum{f.bits, n}, want)
	}
	if sum != want {
		return harness.Wrong("the sum of %d loads is %#x, not %#x", n, sum, want)
	}
	return nil
}

// storer makes a contender of a loop that stores place^salt to n places.
func (f hotFile) storer(name string, role harness.Role, begin func(path string) (*storing, error)) harness.Contender {
	return harness.Contender{Name: name, Role: role, New: func(dir string) (*harness.Task, error) {
		witness, err := contender.Raw.Read(hotIn(dir))
		if err != nil {
			return nil, err
		}
		s, err := begin(hotIn(dir))
		if err != nil {
			return nil, errors.Join(err, witness.Close())
		}
		var salt uint64
		return &harness.Task{
			Before: func(n int) error {
				salt = wordAt(salts.Add(1))
				return s.store(n, ^salt)
			},
			Run: func(n int) error { return s.store(n, salt) },
			Check: func(n int) error {
				if bad := f.places().firstWithout(viewOf[uint64](witness.Bytes), salt, n); bad >= 0 {
					return harness.Wrong("store %d of %d has not reached the file", bad, n)
				}
				return nil
			},
			Close: func() error { return errors.Join(s.close(), witness.Close()) },
		}, nil
	}}
}

// salts counts the runs, so that no run's words pass for another's.
var salts atomic.Uint64
