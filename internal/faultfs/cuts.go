//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Losses say which of the disks that a power cut can leave are looked at. Zero
// values stand for what is written here.
type Losses struct {
	// Sector is what is written whole or not at all: half a page, 2048 bytes.
	Sector int64
	// Every subset of the changes is tried where there are as many as that: 10.
	// Where there are more these are: all but the last ones, for any number of
	// these; all but one, for each; one alone, for each; and Random others.
	Every int
	// Random subsets where not every one is tried: 20. They are always the same.
	Random int
}

// Cut is a disk that a power cut can leave.
type Cut struct {
	At   int    // steps of the history that were done before
	Mark string // that was set last, before
	Kept string // a 1 for each change that was kept, a 0 for each that was lost
	Disk Disk
}

// String says when it was and what was lost.
func (c Cut) String() string {
	return fmt.Sprintf("the power went after step %d, mark %q, kept %q", c.At, c.Mark, c.Kept)
}

// Cuts has the power go before the first step, and after each, and goes over the
// disks that there can be then, each once after every mark: a disk that was right
// before a commit has returned may be wrong after.
func (h *History) Cuts(l Losses) iter.Seq[Cut] {
	l.Sector = cmp.Or(l.Sector, 2048)
	l.Every = cmp.Or(l.Every, 10)
	l.Random = cmp.Or(l.Random, 20)
	return func(yield func(Cut) bool) {
		r := newReplay(l.Sector)
		for i := range h.Begin {
			r.step(&h.Steps[i])
		}
		seen := map[[sha256.Size]byte]bool{}
		for at := h.Begin; ; at++ {
			for kept := range l.subsets(len(r.pending)) {
				d := r.disk(func(i int) bool { return kept[i] })
				key := d.Sum()
				if seen[key] {
					continue
				}
				seen[key] = true
				if !yield(Cut{at, r.mark, keptText(kept), d}) {
					return
				}
			}
			if at == len(h.Steps) {
				return
			}
			if r.step(&h.Steps[at]); h.Steps[at].Op == StepMark {
				clear(seen)
			}
		}
	}
}

// subsets goes over subsets of n changes, as Losses has it. The slice is valid
// until the next.
func (l *Losses) subsets(n int) iter.Seq[[]bool] {
	kept := make([]bool, n)
	fill := func(is func(i int) bool) []bool {
		for i := range kept {
			kept[i] = is(i)
		}
		return kept
	}
	if n <= l.Every {
		return func(yield func([]bool) bool) {
			for set := range uint64(1) << n {
				if !yield(fill(func(i int) bool { return set>>i&1 != 0 })) {
					return
				}
			}
		}
	}
	return func(yield func([]bool) bool) {
		for some := range n + 1 {
			if !yield(fill(func(i int) bool { return i < some })) {
				return
			}
		}
		for one := range n {
			if !yield(fill(func(i int) bool { return i != one })) || !yield(fill(func(i int) bool { return i == one })) {
				return
			}
		}
		random := rand.New(rand.NewPCG(uint64(n), 0))
		for range l.Random {
			if !yield(fill(func(int) bool { return random.IntN(2) == 0 })) {
				return
			}
		}
	}
}

func keptText(kept []bool) string {
	var b strings.Builder
	for _, k := range kept {
		if k {
			b.WriteByte('1')
		} else {
			b.WriteByte('0')
		}
	}
	return b.String()
}

// Sum is the same for disks that hold the same.
func (d *Disk) Sum() (sum [sha256.Size]byte) {
	h := sha256.New()
	add := func(b []byte) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, dir := range d.Dirs {
		add([]byte(dir))
	}
	for _, name := range slices.Sorted(maps.Keys(d.Files)) {
		add([]byte(name))
		add(d.Files[name])
	}
	h.Sum(sum[:0])
	return sum
}

// WriteTo makes a directory hold what the disk does. Files that are there stay the
// same files, with other bytes; what the disk has not is removed.
func (d *Disk) WriteTo(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, stays := d.Files[e.Name()]; stays && !e.IsDir() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	for _, sub := range d.Dirs {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	for name, data := range d.Files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}
