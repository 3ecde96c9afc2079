//go:build linux && !386 && !arm && !mips && !mipsle

package filemap_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/faultfs"
)

// Power cuts that are enumerated: the library works over internal/faultfs, whose
// history then tells every disk that there can be when the power goes at any of
// the steps. No number or order of writes and syncs is assumed; what was promised
// must be on each of these disks.
//
// With FILEMAP_KILLS set, as in .ci/run, many more are looked at.

// The marks of a history say how many commits or syncs have returned. Before the
// first nothing was promised.
const (
	anyMark     = ""
	openingMark = "-1" // a recovery begins
)

// cutsOf hands each disk that a power cut can leave of the file system's history,
// from a mark on, to check, with the number that was marked last, and returns how
// many there were and what was wrong with the first that was not right.
func cutsOf(t *testing.T, f *faultfs.FS, from string, l faultfs.Losses, check func(c faultfs.Cut, mark int) error) (cuts int, wrong error) {
	t.Helper()
	h, err := f.History()
	if err != nil {
		t.Fatal(err)
	}
	h.Begin = 1 + slices.IndexFunc(h.Steps, func(s faultfs.Step) bool {
		return s.Op == faultfs.StepMark && (from == anyMark || s.Name == from)
	})
	for c := range h.Cuts(l) {
		mark, err := strconv.Atoi(c.Mark)
		if err != nil {
			t.Fatal(err)
		}
		cuts++
		if err := check(c, mark); err != nil {
			last := "nothing"
			if c.At > h.Begin {
				last = h.Steps[c.At-1].String()
			}
			return cuts, fmt.Errorf("%v (%s): %w", c, last, err)
		}
	}
	return cuts, nil
}

// losses are every subset of so many changes, and of some more in a thorough run.
func losses(every, thorough int) faultfs.Losses {
	if isThorough() {
		return faultfs.Losses{Every: thorough, Random: 100}
	}
	return faultfs.Losses{Every: every, Random: 10}
}

func isThorough() bool { return os.Getenv("FILEMAP_KILLS") != "" }

// begin restores a disk and begins a history with mark 0.
func begin(t *testing.T, f *faultfs.FS, d faultfs.Disk, script string) {
	t.Helper()
	if err := errors.Join(f.Restore(d), f.Record(), f.Script(script)); err != nil {
		t.Fatal(err)
	}
}

// commits is what an Atomic writer does: pages of a file to be stored to, for each
// Commit.
type commits struct {
	name  string
	size  int
	pages [][]int
	made  bool // the writer makes the file
	again bool // and closes and opens it between
}

var commitCases = []commits{
	{"one page, then another", 2 * powerPage, [][]int{{0}, {1}}, false, false},
	{"the same page thrice", powerPage, [][]int{{0}, {0}, {0}}, false, false},
	{"two pages, then one of them", 3 * powerPage, [][]int{{0, 2}, {2}}, false, false},
	{"three pages twice", 3 * powerPage, [][]int{{0, 1, 2}, {0, 1, 2}}, false, false},
	{"an odd end", powerPage + 77, [][]int{{0, 1}, {1}}, false, false},
	{"opened for each", 2 * powerPage, [][]int{{0, 1}, {0}}, false, true},
	{"a file just made", 2 * powerPage, [][]int{{1}, {0, 1}}, true, false},
}

// powerPage is the page of every system that FUSE is tested on.
const powerPage = 4096

// states are the file's contents before the first Commit and after each.
func (c *commits) states() [][]byte {
	all := [][]byte{make([]byte, c.size)}
	if !c.made {
		all[0] = pattern(c.size)
	}
	for g, pages := range c.pages {
		b := bytes.Clone(all[g])
		for _, n := range pages {
			copy(b[n*powerPage:], storedPage(g+1, n))
		}
		all = append(all, b)
	}
	return all
}

func storedPage(generation, n int) []byte {
	b := make([]byte, powerPage)
	fillPage(b, uint64(generation), uint64(n))
	return b
}

// disk is what the writer finds.
func (c *commits) disk() faultfs.Disk {
	d := faultfs.Disk{Files: map[string][]byte{}}
	if !c.made {
		d.Files["data"] = c.states()[0]
	}
	return d
}

// run opens the file, commits and closes, and marks how many Commits have returned.
// prepare, if not nil, is called with the open Map.
func (c *commits) run(f *faultfs.FS, prepare func(*filemap.Map)) (err error) {
	var m *filemap.Map
	if c.made {
		m, err = filemap.Create(f.Path("data"), int64(c.size), filemap.Atomic)
	} else if err = f.Mark("0"); err == nil {
		m, err = filemap.Open(f.Path("data"), filemap.ReadWrite, filemap.Atomic)
	}
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := m.Close(); !errors.Is(closeErr, os.ErrClosed) {
			err = errors.Join(err, closeErr)
		}
	}()
	if err := f.Mark("0"); err != nil {
		return err
	}
	if prepare != nil {
		prepare(m)
	}
	for g, pages := range c.pages {
		for _, n := range pages {
			off := n * powerPage
			page := storedPage(g+1, n)
			if _, err := m.WriteAt(page[:min(len(page), c.size-off)], int64(off)); err != nil {
				return err
			}
		}
		if err := m.Commit(); err != nil {
			return err
		}
		if err := f.Mark(strconv.Itoa(g + 1)); err != nil {
			return err
		}
		if c.again {
			if err := m.Close(); err != nil {
				return err
			}
			again, err := filemap.Open(f.Path("data"), filemap.ReadWrite, filemap.Atomic)
			if err != nil {
				return err
			}
			m = again
		}
	}
	return nil
}

// record has the commits run, and the history is that of them.
func (c *commits) record(t *testing.T, f *faultfs.FS, script string, prepare func(*filemap.Map)) {
	t.Helper()
	begin(t, f, c.disk(), script)
	if err := c.run(f, prepare); err != nil {
		t.Fatal(err)
	}
}

// oneOf returns which of the states from low to high b is.
func oneOf(states [][]byte, b []byte, low, high int) (int, error) {
	for g := low; g <= min(high, len(states)-1); g++ {
		if bytes.Equal(b, states[g]) {
			return g, nil
		}
	}
	return 0, fmt.Errorf("the file is none of the states %d to %d", low, high)
}

// opened opens a file Atomic, which recovers it, and returns which of the states it
// has.
func opened(path string, states [][]byte, low, high int, option filemap.Option) (found int, err error) {
	m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic, option)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return oneOf(states, m.Bytes(), low, high)
}

// checkDisk puts a disk into a directory and opens the file there: a copy.
func checkDisk(dir string, d faultfs.Disk, states [][]byte, low, high int) error {
	if err := d.WriteTo(dir); err != nil {
		return err
	}
	_, err := opened(filepath.Join(dir, "data"), states, low, high, filemap.AdoptJournal)
	return err
}

// TestPowerCutsOfCommit: whenever the power goes, and whatever is lost then, the file
// has one commit, whole, and not an older one than the last that returned.
func TestPowerCutsOfCommit(t *testing.T) {
	f, dir := faultfs.New(t), crashDir(t, 0)
	for _, c := range commitCases {
		t.Run(c.name, func(t *testing.T) {
			c.record(t, f, "", nil)
			states := c.states()
			all := []faultfs.Losses{losses(10, 12)}
			if isThorough() {
				all = append(all, faultfs.Losses{Sector: 512, Random: 100})
			}
			for _, l := range all {
				cuts, err := cutsOf(t, f, anyMark, l, func(cut faultfs.Cut, done int) error {
					return checkDisk(dir, cut.Disk, states, done, done+1)
				})
				if err != nil {
					t.Error(err)
				}
				t.Logf("%d disks", cuts)
			}
		})
	}
}

// TestPowerCutsOfRecovery: the power goes once more, while the file is being opened
// after a cut; and what was found then stays.
func TestPowerCutsOfRecovery(t *testing.T) {
	f, dir := faultfs.New(t), crashDir(t, 0)
	cases, most := commitCases[:2], 30
	if isThorough() {
		cases, most = commitCases, 100
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.record(t, f, "", nil)
			var disks []faultfs.Disk
			var done []int
			if _, err := cutsOf(t, f, anyMark, losses(4, 6), func(cut faultfs.Cut, mark int) error {
				disks, done = append(disks, cut.Disk), append(done, mark)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			r := recovery{f: f, dir: dir, states: c.states(), seen: map[recovered]bool{}}
			every := max(len(disks)/most, 1)
			for i := 0; i < len(disks); i += every {
				begin(t, f, disks[i], "")
				if err := r.cut(t, done[i], done[i]+1); err != nil {
					t.Fatalf("disk %d: %v", i, err)
				}
			}
			t.Logf("%d disks of %d recoveries", len(r.seen), (len(disks)+every-1)/every)
		})
	}
}

// recovery opens files that a crash has left, over a file system with a history.
type recovery struct {
	f      *faultfs.FS
	dir    string
	states [][]byte
	seen   map[recovered]bool // that were right
}

// recovered is a disk and the states that it may have.
type recovered struct {
	disk      [sha256.Size]byte
	low, high int
}

// cut opens the file, with the power going at each step of that. Before it has
// been opened it may have any state from low to high, and then the one that was
// found.
func (r *recovery) cut(t *testing.T, low, high int) error {
	t.Helper()
	path := r.f.Path("data")
	p := make([]byte, len(r.states[0]))
	_, err := filemap.ReadCommitted(context.Background(), path, p, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	read, err := oneOf(r.states, p, low, high)
	if err != nil {
		return fmt.Errorf("read before the recovery: %w", err)
	}
	if err := r.f.Mark(openingMark); err != nil {
		return err
	}
	found, err := opened(path, r.states, read, read, filemap.Sequential)
	if err != nil {
		return fmt.Errorf("read as %d: %w", read, err)
	}
	if err := r.f.Mark(strconv.Itoa(found)); err != nil {
		return err
	}
	_, err = cutsOf(t, r.f, openingMark, losses(6, 8), func(cut faultfs.Cut, mark int) error {
		low, high := low, high
		if cut.Mark != openingMark {
			low, high = mark, mark
		}
		key := recovered{cut.Disk.Sum(), low, high}
		if r.seen[key] {
			return nil
		}
		r.seen[key] = true
		return checkDisk(r.dir, cut.Disk, r.states, low, high)
	})
	return err
}

// TestPowerCutsAfterKill: the writer dies at each of its steps, and the power goes
// only when its file is opened again: what it has written may be in the kernel's
// memory and nowhere else.
func TestPowerCutsAfterKill(t *testing.T) {
	f, dir := faultfs.New(t), crashDir(t, 0)
	cases := commitCases[:2]
	if isThorough() {
		cases = commitCases[:6]
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := recovery{f: f, dir: dir, states: c.states(), seen: map[recovered]bool{}}
			for steps := 1; ; steps++ {
				begin(t, f, c.disk(), fmt.Sprintf("cut after %d steps", steps))
				err := c.run(f, nil)
				if err == nil {
					t.Logf("%d disks of %d kills", len(r.seen), steps-1)
					break
				}
				if !errors.Is(err, syscall.EIO) {
					t.Fatal(err)
				}
				done := lastMark(t, f)
				if err := f.Reset(); err != nil {
					t.Fatal(err)
				}
				if err := r.cut(t, done, done+1); err != nil {
					t.Fatalf("killed after step %d, %d had returned: %v", steps, done, err)
				}
			}
		})
	}
}

// lastMark is how many Commits have returned.
func lastMark(t *testing.T, f *faultfs.FS) int {
	t.Helper()
	h, err := f.History()
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, s := range h.Steps {
		if s.Op == faultfs.StepMark {
			last, _ = strconv.Atoi(s.Name)
		}
	}
	return last
}

// What the cuts are for: a Commit that leaves something out is found out.
func TestBrokenAtomicIsCaught(t *testing.T) {
	f, dir := faultfs.New(t), crashDir(t, 0)
	for _, broken := range []struct {
		name, script string
		prepare      func(*filemap.Map)
	}{
		{"the journal left out", "", (*filemap.Map).LeaveJournalOut},
		{"the journal's syncs left out", "sync data.journal ignore", nil},
		{"the file's syncs left out", "sync data ignore", nil},
	} {
		t.Run(broken.name, func(t *testing.T) {
			for _, c := range commitCases[:5] {
				c.record(t, f, broken.script, broken.prepare)
				states := c.states()
				cuts, err := cutsOf(t, f, anyMark, losses(8, 10), func(cut faultfs.Cut, done int) error {
					return checkDisk(dir, cut.Disk, states, done, done+1)
				})
				if err == nil {
					t.Errorf("%s: none of %d disks has shown it", c.name, cuts)
				} else {
					t.Logf("%s: disk %d: %v", c.name, cuts, err)
				}
			}
		})
	}
}
