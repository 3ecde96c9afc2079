package journal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// realTarget makes a file with n bytes and returns it with its journal's path.
func realTarget(t *testing.T, n int) (Target, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xee}, n), 0o600); err != nil {
		t.Fatal(err)
	}
	return openTarget(t, path), path + ".journal"
}

func openTarget(t *testing.T, path string) Target {
	t.Helper()
	f, err := sys.OpenFile(path, sys.Write, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return TargetOf(f)
}

func placeOf(t *testing.T, path string) Place {
	t.Helper()
	place, err := PlaceOf(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = place.Close() })
	return place
}

func open(t *testing.T, path string, target Target) (*Journal, Recovery) {
	t.Helper()
	j, r, err := Open(placeOf(t, path), target, testIdentity)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("unsupported here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j, r
}

func contents(t *testing.T, target Target) []byte {
	t.Helper()
	size, err := target.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := target.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// abandon leaves a journal as the death of the process would.
func abandon(t *testing.T, j *Journal) {
	t.Helper()
	if err := j.letGo(); err != nil {
		t.Fatal(err)
	}
	j.closed = true
}

func TestCommitAndReopen(t *testing.T) {
	target, path := realTarget(t, 3*block)
	j, r := open(t, path, target)
	if r.State != Empty {
		t.Errorf("a new journal is %v", r.State)
	}
	c := commitOf{3*block + 5, []int64{0, 2, 3}}
	if err := j.Commit(c.size, c.extents(1)); err != nil {
		t.Fatal(err)
	}
	want := states(bytes.Repeat([]byte{0xee}, 3*block), []commitOf{c})[1]
	if !bytes.Equal(contents(t, target), want) {
		t.Error("the target is not as committed")
	}
	abandon(t, j)
	// As if nothing of it had reached the target.
	if _, err := target.WriteAt(make([]byte, 100), 0); err != nil {
		t.Fatal(err)
	}
	j, r = open(t, path, target)
	if r.State != Whole || r.Extents != 3 || r.Bytes != 2*block+5 || r.Changed != 1 || r.Size != c.size {
		t.Errorf("recovery %+v", r)
	}
	if !bytes.Equal(contents(t, target), want) {
		t.Error("the target is not as committed after the recovery")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, r = open(t, path, target); r.State != Empty {
		t.Errorf("after Close the journal is %v", r.State)
	}
}

func TestOneWriterAtATime(t *testing.T) {
	target, path := realTarget(t, block)
	j, _ := open(t, path, target)
	if _, _, err := Open(placeOf(t, path), target, testIdentity); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, target)
}

// What must not be applied, nor written over.
func TestRefused(t *testing.T) {
	target, path := realTarget(t, 2*block)
	j, _ := open(t, path, target)
	c := commitOf{2 * block, []int64{1}}
	if err := j.Commit(c.size, c.extents(1)); err != nil {
		t.Fatal(err)
	}
	abandon(t, j)
	committed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(b []byte)) []byte {
		b := bytes.Clone(committed)
		f(b)
		return b
	}
	slot := j.row.slot()
	resum := func(b []byte) {
		binary.LittleEndian.PutUint32(b[slot+rowSumAt:], sumWithout(b[slot:slot+block], rowSumAt))
	}
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"another file", []byte("dear diary"), ErrNotJournal},
		{"nothing", nil, ErrNotJournal},
		{"zeros alone", make([]byte, superblocks), ErrNotJournal},
		{"zeros, and then text", append(make([]byte, superblocks), "dear diary"...), ErrNotJournal},
		{"a zero", make([]byte, 1), ErrNotJournal},
		{"an older version", edit(func(b []byte) { b[slot+8] = 2; resum(b) }), ErrVersion},
		{"another's journal", edit(func(b []byte) { b[slot+50]++; resum(b) }), ErrForeign},
	} {
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		before := contents(t, target)
		if _, _, err := Open(placeOf(t, path), target, testIdentity); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(after, c.file) || !bytes.Equal(before, contents(t, target)) {
			t.Errorf("%s: it was written to (%v)", c.name, err)
		}
	}
	// A foreign one can be adopted, or thrown away.
	adopt := testIdentity
	adopt.Adopt = true
	foreign := edit(func(b []byte) { b[slot+50]++; resum(b) })
	if err := os.WriteFile(path, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	j, r, err := Open(placeOf(t, path), target, adopt)
	if err != nil || r.State != Whole {
		t.Fatalf("adopting: %v, %+v", err, r)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	reset := testIdentity
	reset.Reset = true
	if err := os.WriteFile(path, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	if j, r, err = Open(placeOf(t, path), target, reset); err != nil || r.State != Empty {
		t.Fatalf("resetting: %v, %+v", err, r)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestVanishedJournal(t *testing.T) {
	target, path := realTarget(t, block)
	j, _ := open(t, path, target)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Skipf("an open file cannot be renamed here: %v", err)
	}
	before := contents(t, target)
	c := commitOf{block, []int64{0}}
	if err := j.Commit(c.size, c.extents(1)); !errors.Is(err, ErrVanished) {
		t.Errorf("without a journal: %v", err)
	}
	if !bytes.Equal(contents(t, target), before) {
		t.Error("the target was written")
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(c.size, c.extents(1)); err != nil {
		t.Errorf("put back: %v", err)
	}
}

func TestSyncsOfACommit(t *testing.T) {
	d := newDisk(make([]byte, 4*block))
	j, _, err := openOn(d.journal, d.target, testIdentity, blocks(6), broken{})
	if err != nil {
		t.Fatal(err)
	}
	inJournal, inTarget := &counted{Target: d.journal}, &counted{Target: d.target}
	j.file, j.target = inJournal, inTarget
	if err := j.Commit(4*block, nil); err != nil || inJournal.syncs+inTarget.syncs != 0 {
		t.Errorf("an empty commit: %v, %d and %d syncs", err, inJournal.syncs, inTarget.syncs)
	}
	for n := range 9 {
		inJournal.syncs, inTarget.syncs = 0, 0
		if err := j.Commit(4*block, []Extent{{0, make([]byte, block)}}); err != nil {
			t.Error(err)
		}
		begins := 0 // a row, before which the target is synced
		if n > 0 && n%3 == 0 {
			begins = 1
		}
		if inJournal.syncs != 1 || inTarget.syncs != begins {
			t.Errorf("commit %d: %d syncs of the journal, %d of the target", n, inJournal.syncs, inTarget.syncs)
		}
	}
	if err := j.Commit(4*block, []Extent{{4*block - 1, []byte("ab")}}); !errors.Is(err, ErrExtent) {
		t.Errorf("beyond the end: %v", err)
	}
}

type counted struct {
	Target
	syncs int
}

func (c *counted) Sync() error {
	c.syncs++
	return c.Target.Sync()
}

func (c *counted) Close() error { return nil }

// The journal does not grow for ever, and gives back what a large commit took.
func TestLengthOfTheJournal(t *testing.T) {
	d := newDisk(make([]byte, 400*block))
	const row = 8 * block
	j, _, err := openOn(d.journal, d.target, testIdentity, row, broken{})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(pages int) int {
		if err := j.Commit(400*block, []Extent{{0, make([]byte, pages*block)}}); err != nil {
			t.Fatal(err)
		}
		return len(d.journal.now)
	}
	for n := range 40 {
		if got := commit(1 + n%3); got > superblocks+2*row {
			t.Fatalf("commit %d: the journal has %d blocks", n, got/block)
		}
	}
	for n := range 10 {
		if got := commit(20); got > superblocks+3*21*block {
			t.Fatalf("large commit %d: the journal has %d blocks", n, got/block)
		}
	}
	commit(300)
	got := 0
	for range 20 {
		got = commit(1)
	}
	if got > superblocks+4*row {
		t.Errorf("after a large commit the journal keeps %d blocks", got/block)
	}
	if err := j.Close(); err != nil || len(d.journal.now) != superblocks {
		t.Errorf("closed, it has %d bytes, %v", len(d.journal.now), err)
	}
}

// Readers see one commit, whole, while a writer commits and dies at any point.
func TestReadersSeeWholeCommits(t *testing.T) {
	target, path := realTarget(t, 4*block)
	j, _ := open(t, path, target)
	c := commitOf{4 * block, []int64{0, 1, 2, 3}}
	if err := j.Commit(c.size, c.extents(1)); err != nil {
		t.Fatal(err)
	}
	place := placeOf(t, path)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			p := make([]byte, 4*block+1)
			for {
				select {
				case <-stop:
					return
				default:
				}
				n, err := Read(context.Background(), place, target, testIdentity, p, 0)
				if n != 4*block || !errors.Is(err, io.EOF) {
					t.Errorf("%d bytes, %v", n, err)
					return
				}
				if !isGeneration(p[:n]) {
					t.Error("a mixture of commits was read")
					return
				}
			}
		})
	}
	for g := range int64(200) {
		if err := j.Commit(c.size, c.extents(g)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
}

func isGeneration(b []byte) bool {
	for g := range int64(256) {
		same := true
		for p := range int64(4) {
			same = same && bytes.Equal(b[p*block:(p+1)*block], generation(g, p))
		}
		if same {
			return true
		}
	}
	return false
}

// A reader's answer at every point of a commit at which the writer can have died,
// and after a power cut at which nothing was kept that was not synced, or all of
// the journal.
func TestReadersAfterADeath(t *testing.T) {
	c := trial{begin: 2 * block, rowBytes: blocks(6), commits: []commitOf{
		{2 * block, []int64{0, 1}},
		{3 * block, []int64{1, 2}},
		{block + 5, []int64{1}},
		{3 * block, []int64{0}},
		{3 * block, []int64{0, 1}},
	}}
	begin := bytes.Repeat([]byte{0xee}, c.begin)
	all := states(begin, c.commits)
	for at := 1; ; at++ {
		d := newDisk(begin)
		d.stopAt = at
		done, begun, err := c.run(d)
		journal := uint64(1)<<len(d.journal.pending) - 1
		for _, now := range []*disk{d, d.cut(0), d.cut(journal)} {
			p := make([]byte, 4*block)
			n, steady, readErr := readConsistent(now.journal, now.target, testIdentity, p, 0)
			if !steady || !errors.Is(readErr, io.EOF) {
				t.Fatalf("operation %d: steady %v, %v", at, steady, readErr)
			}
			if !bytes.Equal(p[:n], all[done]) && !bytes.Equal(p[:n], all[begun]) {
				t.Errorf("operation %d: read neither state %d nor %d", at, done, begun)
			}
		}
		if err == nil {
			return
		}
	}
}

// The parser meets any bytes: it must not crash, nor take memory that the file
// does not warrant, nor apply what does not encode to the same.
func FuzzOpen(f *testing.F) {
	d := newDisk(make([]byte, 2*block))
	j, _, err := OpenOn(d.journal, d.target, testIdentity)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(d.journal.now))
	if err := j.Commit(2*block, []Extent{{3, []byte("abc")}, {block, make([]byte, 50)}}); err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(d.journal.now))
	if err := j.Commit(block, []Extent{{3, []byte("second")}}); err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(d.journal.now))
	f.Add([]byte{})
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDisk(make([]byte, 2*block))
		d.journal.now, d.journal.durable = bytes.Clone(b), bytes.Clone(b)
		h, err := readHeads(d.journal)
		found := h.row
		if err == nil && found.number != 0 && !bytes.Equal(found.encode(), b[found.slot():][:block]) {
			t.Error("a superblock that this package would not write")
		}
		whole := 0
		_, _, err2 := found.walk(d.journal, func(r record) (bool, error) {
			if r.size > 1<<24 {
				return false, errFull // a model of that size does not fit
			}
			if !bytes.Equal(r.encode(), b[r.at:][:headerBytes(len(r.entries))]) {
				t.Error("a header that this package would not write")
			}
			ok, err := r.checkData(d.journal, nil)
			if ok {
				whole++
			}
			return ok, err
		})
		if errors.Is(err2, errFull) {
			return
		}
		j, r, openErr := OpenOn(d.journal, d.target, testIdentity)
		if openErr != nil {
			return
		}
		if err != nil || (r.State == Whole) != (whole > 0) || (whole == 0 && !isZero(d.target.now)) {
			t.Errorf("state %v, %d records, target touched: %v", r.State, whole, !isZero(d.target.now))
		}
		if err := j.Commit(2*block, []Extent{{0, []byte("next")}}); err != nil {
			t.Error(err)
		}
	})
}

// refusing is a target that does not take writes for a while, and remembers those
// that it took.
type refusing struct {
	*model
	refuses bool
	took    [][]byte
}

func (r *refusing) WriteAt(p []byte, off int64) (int, error) {
	if r.refuses {
		return 0, errFull
	}
	r.took = append(r.took, bytes.Clone(p))
	return r.model.WriteAt(p, off)
}

// A pending commit is finished, and a row is recovered, without writing once more
// what was overwritten since: others would see the target go back in time.
func TestTargetDoesNotGoBack(t *testing.T) {
	d := newDisk(make([]byte, 2*block))
	target := &refusing{model: d.target}
	j, _, err := OpenOn(d.journal, target, testIdentity)
	if err != nil {
		t.Fatal(err)
	}
	commit := func(g int64) error { return j.Commit(2*block, []Extent{{0, generation(g, 0)}}) }
	if err := errors.Join(commit(1), commit(2)); err != nil {
		t.Fatal(err)
	}
	target.refuses = true
	if err := commit(3); !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	target.refuses, target.took = false, nil
	if err := j.Finish(); err != nil {
		t.Fatal(err)
	}
	for _, p := range target.took {
		if !bytes.Equal(p, generation(3, 0)) {
			t.Error("something else than the pending commit was written")
		}
	}
	if !bytes.Equal(d.target.now[:block], generation(3, 0)) {
		t.Error("the pending commit was not written")
	}
	// Nor does it go back when it is opened after a death.
	target.took = nil
	again, r, err := OpenOn(d.journal, target, testIdentity)
	if err != nil || r.State != Whole || r.Extents != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, p := range target.took {
		if !bytes.Equal(p, generation(3, 0)) {
			t.Error("opening wrote something else than the last commit")
		}
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
