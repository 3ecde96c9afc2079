package journal

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// The power cuts are enumerated: at every operation of a commit, and of what
// opening again does after one, with every subset of the unsynced sectors lost.

var testIdentity = Options{Identity: Identity{1, 2, 3}}

// commitOf is a test's commit: the pages it writes, and the target's new size.
type commitOf struct {
	size  int64
	pages []int64
}

// generation is what a page holds after commit g.
func generation(g, page int64) []byte {
	b := make([]byte, block)
	for i := range b {
		b[i] = byte(g*31+page*7) + byte(i>>8)
	}
	return b
}

func (c commitOf) extents(g int64) []Extent {
	var e []Extent
	for _, p := range c.pages {
		data := generation(g, p)
		e = append(e, Extent{p * block, data[:min(block, c.size-p*block)]})
	}
	return e
}

// states are the target's contents before the first of the commits and after each.
func states(begin []byte, commits []commitOf) [][]byte {
	all := [][]byte{begin}
	for g, c := range commits {
		b := bytes.Clone(all[g])
		for _, e := range c.extents(int64(g + 1)) {
			b = op{e.Offset, e.Data}.apply(b)
		}
		all = append(all, op{c.size, nil}.apply(b))
	}
	return all
}

// run opens the journal and makes the commits, until one fails. It returns how
// many have returned without error, and how many more were begun; or -1 when the
// journal could not be opened.
func run(d *disk, commits []commitOf, b broken) (done, begun int, err error) {
	j, _, err := openOn(d.journal, d.target, testIdentity, b)
	if err != nil {
		return 0, 0, err
	}
	for g, c := range commits {
		if err := j.Commit(c.size, c.extents(int64(g+1))); err != nil {
			return g, g + 1, err
		}
	}
	return len(commits), len(commits), j.Close()
}

// checkAfter opens what a power cut has left and checks that it is the state of a
// commit between the last that returned and the last that was begun. The power
// goes during the recovery too, depth times.
func checkAfter(d *disk, all [][]byte, done, begun, depth int, b broken) error {
	again := d.killed()
	_, r, err := openOn(again.journal, again.target, testIdentity, b)
	if err != nil {
		return fmt.Errorf("opening after the cut: %w", err)
	}
	found := -1
	for g := done; g <= begun; g++ {
		if bytes.Equal(again.target.now, all[g]) {
			found = g
		}
	}
	if found < 0 {
		return fmt.Errorf("the target is none of the states %d to %d (recovery %+v)", done, begun, r)
	}
	if depth == 0 {
		return nil
	}
	return everyCut(d, func(d *disk) error {
		_, _, err := openOn(d.journal, d.target, testIdentity, b)
		return err
	}, func(d *disk) error { return checkAfter(d, all, done, begun, depth-1, b) })
}

// everyCut runs work on copies of d, with the power going at each of its
// operations, and calls check with every disk that there can be then.
func everyCut(d *disk, work func(*disk) error, check func(*disk) error) error {
	for at := 1; ; at++ {
		now := d.killed()
		now.stopAt = at
		err := work(now)
		for kept := range uint64(1) << now.unsynced() {
			if err := check(now.cut(kept)); err != nil {
				return fmt.Errorf("power gone at operation %d, unsynced writes kept %b of %d: %w", at, kept, now.unsynced(), err)
			}
		}
		if !errors.Is(err, errPower) {
			return err
		}
	}
}

// enumerate cuts the power everywhere in the commits.
func enumerate(begin []byte, commits []commitOf, depth int, b broken) (cuts int, err error) {
	all := states(begin, commits)
	first := newDisk(begin)
	if _, _, err := run(first, commits, b); err != nil {
		return 0, err
	}
	if !bytes.Equal(first.target.now, all[len(commits)]) {
		return 0, errors.New("the commits did not do what they should")
	}
	for at := 1; at <= first.steps; at++ {
		now := newDisk(begin)
		now.stopAt = at
		done, begun, err := run(now, commits, b)
		if !errors.Is(err, errPower) {
			return cuts, fmt.Errorf("operation %d of %d: %w", at, first.steps, err)
		}
		if n := now.unsynced(); n > 16 {
			return cuts, fmt.Errorf("%d unsynced sectors are too many to enumerate", n)
		}
		for kept := range uint64(1) << now.unsynced() {
			cuts++
			if err := checkAfter(now.cut(kept), all, done, begun, depth, b); err != nil {
				return cuts, fmt.Errorf("power gone at operation %d, unsynced writes kept %b: %w", at, kept, err)
			}
		}
		// The process dies, and the power goes only during the recovery.
		cuts++
		if err := checkAfter(now.killed(), all, done, begun, 1, b); err != nil {
			return cuts, fmt.Errorf("killed at operation %d: %w", at, err)
		}
	}
	return cuts, nil
}

var powerCutCases = []struct {
	name    string
	begin   int
	commits []commitOf
	depth   int
}{
	{"one page, then another", 3 * block, []commitOf{{3 * block, []int64{1}}, {3 * block, []int64{2}}}, 1},
	{"the same page twice", 2 * block, []commitOf{{2 * block, []int64{0}}, {2 * block, []int64{0}}}, 1},
	{"two pages, then one of them", 3 * block, []commitOf{{3 * block, []int64{0, 2}}, {3 * block, []int64{2}}}, 0},
	{"two pages thrice", 3 * block, []commitOf{{3 * block, []int64{0, 1}}, {3 * block, []int64{1, 2}}, {3 * block, []int64{0, 2}}}, 0},
	{"growth", block, []commitOf{{3 * block, []int64{2}}, {4*block + 100, []int64{0, 4}}}, 0},
	{"shrinking", 3 * block, []commitOf{{block + 10, []int64{0}}, {3 * block, []int64{1}}}, 0},
	{"a size alone", block, []commitOf{{2 * block, nil}, {block, nil}}, 1},
	{"an odd end", block + 77, []commitOf{{block + 77, []int64{0, 1}}}, 1},
}

func TestPowerCuts(t *testing.T) {
	for _, c := range powerCutCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cuts, err := enumerate(bytes.Repeat([]byte{0xee}, c.begin), c.commits, c.depth, broken{})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d cuts", cuts)
		})
	}
}

// What the cuts are for: each of the steps left out is found.
func TestBrokenCommitsAreCaught(t *testing.T) {
	for name, b := range map[string]broken{
		"the journal's sync left out":  {noJournalSync: true},
		"the target's sync left out":   {noTargetSync: true},
		"a torn journal applied as is": {unchecked: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range powerCutCases {
				if _, err := enumerate(bytes.Repeat([]byte{0xee}, c.begin), c.commits, 0, b); err != nil {
					t.Logf("%s: %v", c.name, err)
					return
				}
			}
			t.Error("no power cut has shown it")
		})
	}
}

// A disk that becomes full at any write of a commit: an error, then or when the
// target is written, and whole states in either case.
func TestFullDisk(t *testing.T) {
	begin := bytes.Repeat([]byte{0xee}, 3*block)
	commits := []commitOf{{3 * block, []int64{0, 1}}, {3 * block, []int64{1, 2}}}
	all := states(begin, commits)
	for room := 0; ; room++ {
		d := newDisk(begin)
		j, _, err := OpenOn(d.journal, d.target, testIdentity)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Commit(commits[0].size, commits[0].extents(1)); err != nil {
			t.Fatal(err)
		}
		d.full = room
		err = j.Commit(commits[1].size, commits[1].extents(2))
		if err == nil {
			if room < 4 {
				t.Errorf("a commit with room for %d writes", room)
			}
			return
		}
		pending := errors.Is(err, ErrPending)
		if !errors.Is(err, errFull) || pending != j.Pending() {
			t.Errorf("room for %d writes: %v, pending %v", room, err, j.Pending())
		}
		// Gone now, it is the state before, or the one after if it is pending.
		want := all[1]
		if pending {
			want = all[2]
		}
		for kept := range uint64(1) << d.unsynced() {
			cut := d.cut(kept)
			if _, _, err := OpenOn(cut.journal, cut.target, testIdentity); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(cut.target.now, want) {
				t.Errorf("room for %d writes, pending %v: not the state that it should be", room, pending)
			}
		}
		// And when there is room again it goes on.
		d.full = -1
		if err := j.Commit(commits[1].size, commits[1].extents(2)); err != nil {
			t.Errorf("again with room: %v", err)
		}
		if !bytes.Equal(d.target.durable, all[2]) || j.Pending() {
			t.Error("the second attempt is not durable")
		}
	}
}

func TestFailedSyncs(t *testing.T) {
	begin := bytes.Repeat([]byte{0xee}, 2*block)
	c := commitOf{2 * block, []int64{0, 1}}
	all := states(begin, []commitOf{c})
	for _, which := range []string{"journal", "target"} {
		d := newDisk(begin)
		j, _, err := OpenOn(d.journal, d.target, testIdentity)
		if err != nil {
			t.Fatal(err)
		}
		d.failSync = map[string]*model{"journal": d.journal, "target": d.target}[which]
		if err := j.Commit(c.size, c.extents(1)); !errors.Is(err, errSync) {
			t.Errorf("%s: %v", which, err)
		}
		d.failSync = nil
		if err := j.Commit(c.size, c.extents(1)); !errors.Is(err, ErrFailed) || !errors.Is(err, errSync) {
			t.Errorf("%s, again: %v", which, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		// The system's cache thinks the bytes written, and they are not.
		if err := everyCut(d, func(d *disk) error {
			_, _, err := OpenOn(d.journal, d.target, testIdentity)
			return err
		}, func(d *disk) error { return checkAfter(d, all, 0, 1, 0, broken{}) }); err != nil {
			t.Errorf("%s: %v", which, err)
		}
	}
}
