package journal

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
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

// blocks is what a row of n blocks takes. A commit of one page is a record of two.
func blocks(n int64) int64 { return n * block }

// trial is what the power is cut in.
type trial struct {
	name     string
	begin    int // bytes of the target
	rowBytes int64
	commits  []commitOf
	deaths   bool // the process dies after each commit, and another goes on
	depth    int  // how often the power goes during the recovery, too
	broken   broken
}

func (c *trial) open(d *disk) (*Journal, Recovery, error) {
	return openOn(d.journal, d.target, testIdentity, c.rowBytes, c.broken)
}

// run opens the journal and makes the commits, until one fails. It returns how
// many have returned without error, and how many were begun.
func (c *trial) run(d *disk) (done, begun int, err error) {
	j, _, err := c.open(d)
	if err != nil {
		return 0, 0, err
	}
	for g, one := range c.commits {
		if err := j.Commit(one.size, one.extents(int64(g+1))); err != nil {
			return g, g + 1, err
		}
		if !c.deaths {
			continue
		}
		if j, _, err = c.open(d); err != nil {
			return g + 1, g + 1, err
		}
	}
	return len(c.commits), len(c.commits), j.Close()
}

// enumeration is the cuts of a trial, and the disks that were looked at.
type enumeration struct {
	*trial
	all     [][]byte // the target's states
	earlier [][]byte // and what it may be as long as the journal is not open
	seen    map[[sha256.Size]byte]bool
	cuts    int
}

// checkAfter opens what a power cut has left and checks that it is the state of a
// commit between the last that returned and the last that was begun. The power
// goes during the recovery too, depth times.
func (e *enumeration) checkAfter(d *disk, done, begun, depth int) error {
	e.cuts++
	key := sha256.Sum256(fmt.Appendf(slices.Concat(d.journal.durable, d.target.durable), "%d %d %d %d", done, begun, depth, len(d.target.durable)))
	if d.unsynced() == 0 && e.seen[key] {
		return nil
	}
	again := d.killed()
	_, r, err := e.open(again)
	if err != nil {
		return fmt.Errorf("opening after the cut: %w", err)
	}
	found := -1
	for g := done; g <= begun; g++ {
		if bytes.Equal(again.target.now, e.all[g]) {
			found = g
		}
	}
	for _, state := range e.earlier {
		if begun == 0 && bytes.Equal(again.target.now, state) {
			found = 0
		}
	}
	if found < 0 {
		return fmt.Errorf("the target is none of the states %d to %d (recovery %+v)", done, begun, r)
	}
	if depth > 0 {
		err = everyCut(d, func(d *disk) error {
			_, _, err := e.open(d)
			return err
		}, func(d *disk) error { return e.checkAfter(d, done, begun, depth-1) })
	}
	if d.unsynced() == 0 {
		e.seen[key] = true
	}
	return err
}

// everyCut runs work on copies of d, with the power going at each of its
// operations, and calls check with every disk that there can be then. What there
// can be between two syncs there can be at the second, too: it is looked at there.
func everyCut(d *disk, work func(*disk) error, check func(*disk) error) error {
	for at := 1; ; at++ {
		now := d.killed()
		now.stopAt = at
		err := work(now)
		if errors.Is(err, errPower) && !now.atSync {
			continue
		}
		if n := now.unsynced(); n > 16 {
			return fmt.Errorf("%d unsynced sectors are too many to enumerate", n)
		}
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

// enumerate cuts the power everywhere in the commits, and lets the process die
// everywhere: then the power goes only during the recovery.
func (c *trial) enumerate() (cuts int, err error) {
	begin := bytes.Repeat([]byte{0xee}, c.begin)
	e := &enumeration{trial: c, all: states(begin, c.commits), seen: map[[sha256.Size]byte]bool{}}
	last := newDisk(begin)
	if _, _, err := c.run(last); err != nil {
		return 0, err
	}
	if !bytes.Equal(last.target.now, e.all[len(c.commits)]) {
		return 0, errors.New("the commits did not do what they should")
	}
	err = e.from(newDisk(begin))
	return e.cuts, err
}

// from cuts the power everywhere in the commits that begin with a disk.
func (e *enumeration) from(first *disk) error {
	var done, begun int
	at := 0
	return everyCut(first, func(d *disk) (err error) {
		at = d.stopAt
		done, begun, err = e.run(d)
		if errors.Is(err, errPower) {
			if err := e.checkAfter(d.killed(), done, begun, 1); err != nil {
				return fmt.Errorf("killed at operation %d: %w", at, err)
			}
		}
		return err
	}, func(d *disk) error { return e.checkAfter(d, done, begun, e.depth) })
}

var powerCutTrials = []trial{
	{name: "one page, then another", begin: 3 * block, rowBytes: blocks(4), commits: []commitOf{{3 * block, []int64{1}}, {3 * block, []int64{2}}}},
	{name: "the same page twice", begin: 2 * block, rowBytes: blocks(4), commits: []commitOf{{2 * block, []int64{0}}, {2 * block, []int64{0}}}, depth: 1},
	{name: "two pages, then one of them", begin: 3 * block, rowBytes: blocks(5), commits: []commitOf{{3 * block, []int64{0, 2}}, {3 * block, []int64{2}}}},
	{name: "two pages thrice", begin: 3 * block, rowBytes: blocks(6), commits: []commitOf{{3 * block, []int64{0, 1}}, {3 * block, []int64{1, 2}}, {3 * block, []int64{0, 2}}}},
	{name: "rows of two", begin: 2 * block, rowBytes: blocks(4), commits: []commitOf{
		{2 * block, []int64{0}},
		{2 * block, []int64{1}},
		{2 * block, []int64{0}},
		{2 * block, []int64{0}},
		{2 * block, []int64{1}},
		{2 * block, []int64{0}},
	}, depth: 1},
	{name: "a row for each", begin: 2 * block, commits: []commitOf{{2 * block, []int64{0}}, {2 * block, []int64{0, 1}}, {2 * block, []int64{1}}, {2 * block, []int64{0}}}, depth: 1},
	{name: "a row that begins with more", begin: 3 * block, rowBytes: blocks(4), commits: []commitOf{
		{3 * block, []int64{0}},
		{3 * block, []int64{0}},
		{3 * block, []int64{1, 2}},
		{3 * block, []int64{0}},
	}},
	{name: "larger than a row", begin: 3 * block, rowBytes: blocks(4), commits: []commitOf{
		{3 * block, []int64{0}},
		{3 * block, []int64{0, 1, 2}},
		{3 * block, []int64{1}},
		{3 * block, []int64{0, 1, 2}},
		{3 * block, []int64{2}},
	}},
	{name: "growth", begin: block, rowBytes: blocks(6), commits: []commitOf{{3 * block, []int64{2}}, {4*block + 100, []int64{0, 4}}}},
	{name: "shrinking", begin: 3 * block, rowBytes: blocks(4), commits: []commitOf{{block + 10, []int64{0}}, {3 * block, []int64{1}}, {2 * block, []int64{1}}}},
	{name: "sizes alone", begin: block, rowBytes: blocks(2), commits: []commitOf{{2 * block, nil}, {block, nil}, {3 * block, nil}}, depth: 1},
	{name: "an odd end", begin: block + 77, rowBytes: blocks(4), commits: []commitOf{{block + 77, []int64{0, 1}}}, depth: 1},
	{name: "deaths", begin: 2 * block, rowBytes: blocks(4), commits: []commitOf{{2 * block, []int64{0}}, {2 * block, []int64{1}}, {2 * block, []int64{0}}}, deaths: true, depth: 1},
}

func TestPowerCuts(t *testing.T) {
	for _, c := range powerCutTrials {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cuts, err := c.enumerate()
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d cuts", cuts)
		})
	}
}

// A process dies at any operation, another goes on with more commits, and then
// the power goes.
func TestPowerCutsAfterADeath(t *testing.T) {
	before := trial{begin: 2 * block, rowBytes: blocks(4), commits: []commitOf{{2 * block, []int64{0}}, {2 * block, []int64{1}}, {2 * block, []int64{0}}}}
	after := trial{rowBytes: blocks(4), commits: []commitOf{{2 * block, []int64{1}}, {2 * block, []int64{1}}}}
	cuts, err := cutAfterDeaths(before, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cuts", cuts)
}

func cutAfterDeaths(before, after trial) (cuts int, err error) {
	for at := 1; ; at++ {
		d := newDisk(bytes.Repeat([]byte{0xee}, before.begin))
		d.stopAt = at
		done, begun, died := before.run(d)
		whole := d.killed()
		if _, _, err := after.open(whole); err != nil {
			return cuts, err
		}
		e := &enumeration{
			trial: &after, all: states(whole.target.now, after.commits), seen: map[[sha256.Size]byte]bool{},
			earlier: states(bytes.Repeat([]byte{0xee}, before.begin), before.commits)[done : begun+1],
		}
		err := e.from(d)
		if cuts += e.cuts; err != nil {
			return cuts, fmt.Errorf("the first dead at operation %d: %w", at, err)
		}
		if died == nil {
			return cuts, nil
		}
	}
}

// What the cuts are for: each of the steps left out is found.
func TestBrokenCommitsAreCaught(t *testing.T) {
	for name, b := range map[string]broken{
		"the journal's sync left out":                 {noJournalSync: true},
		"the target's sync left out":                  {noTargetSync: true},
		"a torn record applied as is":                 {unchecked: true},
		"a row that lies on the one before it":        {overlap: true},
		"a recovery that does not secure what it has": {noRewrite: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range powerCutTrials {
				c.broken, c.depth = b, 0
				if _, err := c.enumerate(); err != nil {
					t.Logf("%s: %v", c.name, err)
					return
				}
			}
			t.Error("no power cut has shown it")
		})
	}
}

// A disk that becomes full at any write of any commit: an error, then or when the
// target is written, and whole states in either case.
func TestFullDisk(t *testing.T) {
	c := trial{begin: 3 * block, rowBytes: blocks(6), commits: []commitOf{
		{3 * block, []int64{0, 1}},
		{3 * block, []int64{1, 2}},
		{3 * block, []int64{0}}, // begins a row
		{3 * block, []int64{0, 2}},
		{3 * block, []int64{1}},
	}}
	for g := range c.commits {
		for room := 0; fullAt(t, &c, g, room); room++ {
		}
	}
}

// fullAt makes the commits, with room for so many writes in commit g, and tells
// whether that was too little.
func fullAt(t *testing.T, c *trial, g, room int) bool {
	t.Helper()
	begin := bytes.Repeat([]byte{0xee}, c.begin)
	all := states(begin, c.commits)
	d := newDisk(begin)
	j, _, err := c.open(d)
	if err != nil {
		t.Fatal(err)
	}
	commit := func(g int) error { return j.Commit(c.commits[g].size, c.commits[g].extents(int64(g+1))) }
	for before := range g {
		if err := commit(before); err != nil {
			t.Fatal(err)
		}
	}
	d.full = room
	full := commit(g)
	if full == nil && room < 4 {
		t.Errorf("commit %d: with room for %d writes", g, room)
	}
	pending := errors.Is(full, ErrPending)
	if full != nil && !errors.Is(full, errFull) || pending != j.Pending() {
		t.Errorf("commit %d: room for %d writes: %v, pending %v", g, room, full, j.Pending())
	}
	// Gone now, it is the state before, or the one after if it is pending.
	want := all[g]
	if pending || full == nil {
		want = all[g+1]
	}
	for kept := range uint64(1) << d.unsynced() {
		cut := d.cut(kept)
		if _, _, err := c.open(cut); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(cut.target.now, want) {
			t.Errorf("commit %d: room for %d writes, pending %v: not the state that it should be", g, room, pending)
		}
	}
	// And when there is room again it goes on.
	d.full = -1
	for next := g; next < len(c.commits); next++ {
		if err := commit(next); err != nil || j.Pending() {
			t.Errorf("commit %d: again with room: %v", next, err)
		}
		if cut := d.cut(0); true {
			if _, _, err := c.open(cut); err != nil || !bytes.Equal(cut.target.now, all[next+1]) {
				t.Errorf("commit %d: after a full disk it is not durable (%v)", next, err)
			}
		}
	}
	if err := j.Close(); err != nil || !bytes.Equal(d.target.durable, all[len(c.commits)]) {
		t.Errorf("closed after a full disk at commit %d, the target is not durable (%v)", g, err)
	}
	return full != nil
}

// Each sync of each commit, and of Close, fails once.
func TestFailedSyncs(t *testing.T) {
	c := trial{begin: 2 * block, rowBytes: blocks(4), commits: []commitOf{
		{2 * block, []int64{0}},
		{2 * block, []int64{1}},
		{2 * block, []int64{0}}, // begins a row
		{2 * block, []int64{1}},
	}}
	for g := range len(c.commits) + 1 {
		for _, which := range []string{"journal", "target"} {
			failSync(t, &c, g, which)
		}
	}
}

// failSync makes the commits, with the syncs of a file failing in commit g, or in
// Close if that is one more than there are.
func failSync(t *testing.T, c *trial, g int, which string) {
	t.Helper()
	begin := bytes.Repeat([]byte{0xee}, c.begin)
	e := &enumeration{trial: c, all: states(begin, c.commits), seen: map[[sha256.Size]byte]bool{}}
	d := newDisk(begin)
	j, _, err := c.open(d)
	if err != nil {
		t.Fatal(err)
	}
	done, begun := 0, 0
	for n := range c.commits {
		if n == g {
			d.failSync = map[string]*model{"journal": d.journal, "target": d.target}[which]
		}
		err := j.Commit(c.commits[n].size, c.commits[n].extents(int64(n+1)))
		if err == nil && !j.Failed() {
			done, begun = n+1, n+1
			continue
		}
		if !errors.Is(err, errSync) || errors.Is(err, ErrFailed) != (n > g) && which == "journal" {
			t.Errorf("%s, commit %d: %v", which, n, err)
		}
		if which == "journal" {
			begun = g + 1
		}
		d.failSync = nil
	}
	if g == len(c.commits) {
		d.failSync = map[string]*model{"journal": d.journal, "target": d.target}[which]
	}
	closed := j.Close()
	if !errors.Is(closed, errSync) { // it is said again
		t.Errorf("%s fails in commit %d: Close %v", which, g, closed)
	}
	d.failSync = nil
	// The system's cache thinks the bytes written, and they are not.
	if err := everyCut(d, func(d *disk) error {
		_, _, err := c.open(d)
		return err
	}, func(d *disk) error { return e.checkAfter(d, done, begun, 0) }); err != nil {
		t.Errorf("%s fails in commit %d: %v", which, g, err)
	}
}
