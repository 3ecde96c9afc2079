package journal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// A journal in which anything is damaged is refused, and nothing is changed, or the
// target has in the end what it should have. What a power cut leaves is never
// refused: that is what powercut_test.go finds out.

// history is commits after which the process was killed.
type history struct {
	trial
	reopened []commitOf // by another process, after the first has died
	closed   bool
}

var histories = []history{
	{trial: trial{name: "one row", begin: 3 * block, rowBytes: blocks(20), commits: []commitOf{
		{3 * block, []int64{0}},
		{3 * block, []int64{1, 2}},
		{3*block + 10, []int64{0, 3}},
		{3 * block, []int64{1}},
	}}},
	{trial: trial{name: "rows of two", begin: 2 * block, rowBytes: blocks(4), commits: []commitOf{
		{2 * block, []int64{0}},
		{2 * block, []int64{1}},
		{2 * block, []int64{0}},
		{2 * block, []int64{0}},
		{2 * block, []int64{1}},
	}}},
	{trial: trial{name: "the first of a row", begin: 2 * block, rowBytes: blocks(4), commits: []commitOf{
		{2 * block, []int64{0, 1}},
		{2 * block, []int64{1}},
	}}},
	{trial: trial{name: "another process", begin: 2 * block, rowBytes: blocks(8), commits: []commitOf{
		{2 * block, []int64{0}},
		{2 * block, []int64{0, 1}},
	}}, reopened: []commitOf{{2 * block, []int64{1}}, {2 * block, []int64{0}}}},
	{trial: trial{name: "closed", begin: 2 * block, rowBytes: blocks(8), commits: []commitOf{
		{2 * block, []int64{0}},
		{2 * block, []int64{0, 1}},
	}}, closed: true},
}

// run returns the disk as the killed process left it, what the target should hold,
// and the journal as it was after each commit before.
func (h *history) run(t *testing.T) (d *disk, want []byte, older [][]byte) {
	t.Helper()
	d = newDisk(bytes.Repeat([]byte{0xee}, h.begin))
	j, _, err := h.open(d)
	if err != nil {
		t.Fatal(err)
	}
	for g, one := range slices.Concat(h.commits, h.reopened) {
		older = append(older, bytes.Clone(d.journal.now))
		if g == len(h.commits) {
			if j, _, err = h.open(d); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Commit(one.size, one.extents(int64(g+1))); err != nil {
			t.Fatal(err)
		}
	}
	want = bytes.Clone(d.target.now)
	if h.closed {
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return d, want, older
}

// targets are what of the target is there: all, and some parts of what was not
// synced.
func targets(d *disk) [][]byte {
	all := [][]byte{bytes.Clone(d.target.now)}
	journal := uint64(1)<<len(d.journal.pending) - 1
	for n := range min(1<<len(d.target.pending), 3) {
		all = append(all, d.cut(journal|uint64(n)<<len(d.journal.pending)).target.now)
	}
	return all
}

// damagedJournal is a journal with something wrong, beside a target.
type damagedJournal struct {
	t       *testing.T
	history *history
	want    []byte
	targets [][]byte
	refused int
	right   int
}

func refusal(err error) bool {
	return errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotJournal) || errors.Is(err, ErrVersion) || errors.Is(err, ErrForeign)
}

// check opens and reads with a journal of these bytes.
func (c *damagedJournal) check(journal []byte, what string, arguments ...any) {
	c.t.Helper()
	fail := func(how string, err error) {
		c.t.Helper()
		c.t.Fatalf(what+": %s, %v", append(arguments, how, err)...)
	}
	for i, target := range c.targets {
		d := newDisk(bytes.Clone(target))
		d.journal.now = bytes.Clone(journal)
		d.journal.durable, d.target.durable = nil, nil // nobody looks at these
		p := make([]byte, len(c.want)+1)
		n, _, err := readConsistent(d.journal, d.target, testIdentity, p, 0)
		if !errors.Is(err, io.EOF) && !refusal(err) || errors.Is(err, io.EOF) && !bytes.Equal(p[:n], c.want) {
			fail("a reader gets a torn file", err)
		}
		_, _, err = c.history.open(d)
		switch {
		case refusal(err):
			if c.refused++; !bytes.Equal(d.target.now, target) || !bytes.Equal(d.journal.now, journal) {
				fail("refused, and changed", err)
			}
		case err != nil:
			fail("an error that is none of a damaged journal", err)
		case !bytes.Equal(d.target.now, c.want):
			fail("the target is torn", nil)
		default:
			c.right++
		}
		if i > 0 && c.t.Failed() {
			return
		}
	}
}

func eachHistory(t *testing.T, test func(c *damagedJournal, journal []byte, older [][]byte)) {
	for i := range histories {
		h := &histories[i]
		t.Run(h.name, func(t *testing.T) {
			d, want, older := h.run(t)
			c := &damagedJournal{t: t, history: h, want: want, targets: targets(d)}
			c.check(d.journal.now, "nothing is wrong")
			if c.refused > 0 {
				t.Fatal("refused although nothing is wrong")
			}
			test(c, d.journal.now, older)
			t.Logf("%d refused, %d right", c.refused, c.right)
			if c.refused == 0 && !h.closed {
				t.Error("nothing was refused")
			}
		})
	}
}

// TestCutJournals: a journal that ends before what was durable of it is no torn one. Only
// a record that is longer than the one before it, and made the file longer, can look
// like one that a power cut has torn; so can what lies behind the first.
func TestCutJournals(t *testing.T) {
	same := history{trial: trial{name: "cut", begin: 3 * block, rowBytes: blocks(20), commits: []commitOf{
		{3 * block, []int64{0}},
		{3 * block, []int64{1}},
		{3 * block, []int64{0}},
		{3 * block, []int64{2}},
		{3 * block, []int64{1}},
		{3 * block, []int64{0}},
		{3 * block, []int64{2}},
	}}}
	d, want, _ := same.run(t)
	c := &damagedJournal{t: t, history: &same, want: want, targets: targets(d)[:1]}
	journal := d.journal.now
	const first = superblocks + 2*block // where the first record ends
	for at := superblocks; at < len(journal); at += flipSector {
		if at < first || at >= first+block {
			c.check(journal[:at], "cut off at %d of %d", at, len(journal))
		}
	}
	if most := (len(journal) - first) / flipSector / 2; c.refused < most {
		t.Errorf("%d refused, %d right", c.refused, c.right)
	}
	t.Logf("%d refused, %d right", c.refused, c.right)
}

// TestCommitAfterTheJournalWasCut: nothing is committed to a journal that somebody has
// cut meanwhile, and Close makes the target whole.
func TestCommitAfterTheJournalWasCut(t *testing.T) {
	d := newDisk(make([]byte, 2*block))
	j, _, err := openOn(d.journal, d.target, Options{Identity: testIdentity.Identity}, rowBytes, broken{})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(2*block, []Extent{{0, []byte("first")}}); err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(d.target.now)
	if err := d.journal.Truncate(superblocks); err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(2*block, []Extent{{0, []byte("other")}}); !errors.Is(err, ErrVanished) {
		t.Errorf("%v, want ErrVanished", err)
	}
	if !bytes.Equal(d.target.now, before) {
		t.Error("the target has changed")
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

const flipSector = 512

func TestEveryBitCounts(t *testing.T) {
	eachHistory(t, func(c *damagedJournal, journal []byte, _ [][]byte) {
		for at := range journal {
			if at%block > rowFields && at%397 != 0 {
				continue // every bit of the headers, and some of all else
			}
			for _, bit := range []int{at % 8, (at*5 + 3) % 8} {
				b := bytes.Clone(journal)
				b[at] ^= 1 << bit
				c.check(b, "byte %d, bit %d", at, bit)
			}
		}
	})
}

func TestDamagedSectors(t *testing.T) {
	eachHistory(t, func(c *damagedJournal, journal []byte, older [][]byte) {
		random := rand.New(rand.NewPCG(1, 2))
		for at := 0; at < len(journal); at += flipSector {
			sector := journal[at : at+flipSector]
			with := func(p []byte) []byte {
				b := bytes.Clone(journal)
				copy(b[at:at+flipSector], p)
				return b
			}
			c.check(with(make([]byte, flipSector)), "the sector at %d is zero", at)
			noise := bytes.Clone(sector)
			for range 5 {
				noise[random.IntN(len(noise))] = byte(random.Uint32())
			}
			c.check(with(noise), "several bytes of the sector at %d are wrong", at)
			if at+2*flipSector <= len(journal) {
				b := with(journal[at+flipSector : at+2*flipSector])
				copy(b[at+flipSector:], sector)
				c.check(b, "the sectors at %d and behind it are exchanged", at)
			}
			for n, old := range older {
				if at+flipSector <= len(old) {
					c.check(with(old[at:at+flipSector]), "the sector at %d is as it was %d commits before", at, len(older)-n)
				}
			}
		}
		// Cut off farther behind: TestCutJournals.
		for at := 0; at < superblocks; at += flipSector {
			c.check(journal[:at], "cut off at %d", at)
		}
		for a := 0; a < len(journal); a += block {
			for b := a + block; b < len(journal); b += block {
				exchanged := bytes.Clone(journal)
				copy(exchanged[a:a+block], journal[b:b+block])
				copy(exchanged[b:b+block], journal[a:a+block])
				c.check(exchanged, "the blocks at %d and %d are exchanged", a, b)
			}
		}
	})
}
