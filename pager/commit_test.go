package pager

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/filemap-go/filemap/internal/journal"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

const (
	commitPages  = 8
	commitRounds = 3
)

// commitState is what the store holds after that many commits: each changes some
// pages.
func commitState(commits int) []byte {
	b := patterned(commitPages)
	for round := 1; round <= commits; round++ {
		for _, page := range changedIn(round) {
			for at := page * sys.PageSize; at < (page+1)*sys.PageSize; at += 8 {
				binary.LittleEndian.PutUint64(b[at:], uint64(round*1000+page))
			}
		}
	}
	return b
}

func changedIn(round int) []int { return []int{round % commitPages, 4, 5, 7 - round%2} }

// commitAll maps the device's store and makes the commits, in a budget that
// leaves most of them in swap. It returns how many returned without an error, and
// how many were begun.
func commitAll(d *device) (done, begun int, err error) {
	p, err := New(Config{
		Budget: int64(2 * sys.PageSize), DirectOnly: true,
		Swap: Swap{Bytes: int64(commitPages * sys.PageSize), Store: store.NewMemory(int64(commitPages * sys.PageSize))},
	})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	m, err := p.Map(d.named("store"), Options{Mode: Transactional, journalFile: d.named("journal")})
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = m.Abandon() }() // the power may be gone
	for round := 1; round <= commitRounds; round++ {
		want := commitState(round)
		for _, page := range changedIn(round) {
			at := page * sys.PageSize
			if _, err := m.WriteAt(want[at:at+sys.PageSize], int64(at)); err != nil {
				return round - 1, round - 1, err
			}
		}
		if err := m.Commit(ctx); err != nil {
			return round - 1, round, err
		}
	}
	return commitRounds, commitRounds, nil
}

func commitDevice() *device {
	d := &device{}
	d.file("store", commitState(0))
	d.file("journal", nil)
	return d
}

// found maps a device again and returns after how many commits it is.
func found(d *device) (int, error) {
	p, err := New(Config{Budget: int64(2 * sys.PageSize), DirectOnly: true})
	if err != nil {
		return 0, err
	}
	defer func() { _ = p.Close() }()
	m, err := p.Map(d.named("store"), Options{Mode: Transactional, journalFile: d.named("journal")})
	if err != nil {
		return 0, err
	}
	got := make([]byte, commitPages*sys.PageSize)
	if _, err := m.ReadAt(got, 0); err != nil {
		return 0, err
	}
	for n := range commitRounds + 1 {
		if bytes.Equal(got, commitState(n)) {
			return n, nil
		}
	}
	return 0, errors.New("the store is in no state that a commit left")
}

// The power is cut at every call of every commit, and anything that was not
// synced may be lost: the store has a commit whole or not at all, and none that
// returned is missing. The same when only the process dies.
func TestPowerCutOfCommit(t *testing.T) {
	whole := commitDevice()
	if done, _, err := commitAll(whole); err != nil || done != commitRounds {
		t.Fatal(done, err)
	}
	if n, err := found(whole.after(nil)); err != nil || n != commitRounds {
		t.Fatal(n, err)
	}
	for at := 1; at <= whole.steps; at++ {
		d := commitDevice()
		d.stopAt = at
		done, begun, err := commitAll(d)
		if err == nil && at < whole.steps-3 { // the last are Close's
			t.Errorf("the power went at call %d of %d, and nobody noticed", at, whole.steps)
		}
		for try := range 12 {
			lost := coin
			switch try {
			case 0:
				lost = func() bool { return true }
			case 1:
				lost = func() bool { return false }
			case 2:
				lost = nil
			}
			n, err := found(d.after(lost))
			if err != nil || n < done || n > begun {
				t.Fatalf("cut at call %d, try %d: after %d commits of %d to %d, %v", at, try, n, done, begun, err)
			}
		}
	}
}

// Commit waits for writers, and a context ends the wait; writers wait for Commit;
// readers do not.
func TestCommitAndWriters(t *testing.T) {
	d := commitDevice()
	p := newPager(t, 4, nil)
	m := mapStore(t, p, d.named("store"), Options{Mode: Transactional, journalFile: d.named("journal")})
	pin, err := m.PinWrite(ctx, 0, 8)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	result := make(chan error, 1)
	go func() { result <- m.Commit(short) }()
	until(t, "the commit to wait", func() bool { return len(m.syncTurn) == 1 })
	second, err := m.PinWrite(ctx, 0, 8) // who holds a pin gets another
	if err != nil {
		t.Fatal(err)
	}
	second.Unpin()
	if s := d.named("store").synced; s != 0 {
		t.Error("it did not wait for the writer")
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	copy(pin.Bytes(), "finished")
	pin.Unpin()

	through := make(chan struct{})
	d.hold = func(op string, b *brittle, _ int64) {
		if op == "write" && b.name == "journal" {
			<-through
		}
	}
	go func() { result <- m.Commit(ctx) }()
	until(t, "the commit", func() bool { m.gate.mu.Lock(); defer m.gate.mu.Unlock(); return m.gate.shut })
	short, cancel = context.WithCancel(ctx)
	cancel()
	if _, err := m.PinWrite(short, 0, 8); !errors.Is(err, context.Canceled) {
		t.Errorf("PinWrite during Commit: %v", err)
	}
	if got, err := m.Pin(ctx, 0, 8); err != nil || string(got.Bytes()) != "finished" {
		t.Errorf("a reader during Commit: %v", err)
	} else {
		got.Unpin()
	}
	close(through)
	if err := <-result; err != nil {
		t.Error(err)
	}
	if string(d.named("store").now[:8]) != "finished" {
		t.Error("the store has it not")
	}
}

// Discard is all or nothing, too.
func TestDiscardPinned(t *testing.T) {
	p := newPager(t, 4, func(c *Config) {
		c.Swap = Swap{Bytes: int64(8 * sys.PageSize), Store: store.NewMemory(int64(8 * sys.PageSize))}
	})
	m := mapStore(t, p, store.NewMemoryOf(patterned(8)), Options{Mode: Private})
	for page := range 8 {
		if _, err := m.WriteAt([]byte("changed!"), int64(page*sys.PageSize)); err != nil {
			t.Fatal(err)
		}
	}
	pin, err := m.Pin(ctx, 0, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Discard(ctx); !errors.Is(err, ErrPinned) {
		t.Fatal(err)
	}
	pin.Unpin()
	b := make([]byte, 8)
	for page := range 8 {
		if _, err := m.ReadAt(b, int64(page*sys.PageSize)); err != nil || string(b) != "changed!" {
			t.Fatalf("page %d after a Discard that failed: %q, %v", page, b, err)
		}
	}
	if err := m.Discard(ctx); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 8*sys.PageSize)
	if _, err := m.ReadAt(got, 0); err != nil && err != io.EOF || !bytes.Equal(got, patterned(8)) {
		t.Error("after Discard the mapping is not the store")
	}
}

// supported skips the test where the system has not what it needs.
func supported(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("unsupported on %s: %v", runtime.GOOS, err)
	}
}

// A journal belongs to its file.
func TestForeignJournal(t *testing.T) {
	dir := t.TempDir()
	p := newPager(t, 4, nil)
	var stores [2]*store.File
	for i, name := range []string{"a", "b"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, patterned(2), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.Open(path, store.Options{Write: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		stores[i] = s
	}
	path := filepath.Join(dir, "journal")
	m, err := p.Map(stores[0], Options{Mode: Transactional, Journal: path})
	supported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Map(stores[0], Options{Mode: Transactional, Journal: path}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("a second mapping with the journal: %v", err)
	}
	if _, err := m.WriteAt([]byte("mine"), 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, left, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Map(stores[1], Options{Mode: Transactional, Journal: path}); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("a journal of another file: %v", err)
	}
}

// A journal's path that leads to something else, the store itself too: it is refused,
// and nothing is cut off or written.
func TestJournalIsSomethingElse(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "store"), filepath.Join(dir, "link")
	zeros := make([]byte, 1<<20)
	if err := errors.Join(os.WriteFile(path, zeros, 0o600), os.WriteFile(filepath.Join(dir, "text"), append(zeros[:8192:8192], "text"...), 0o600)); err != nil {
		t.Fatal(err)
	}
	names := []string{path, filepath.Join(dir, ".", "store"), filepath.Join(dir, "text")}
	if err := os.Link(path, link); err == nil {
		names = append(names, link)
	}
	if err := os.Symlink(path, link+"2"); err == nil {
		names = append(names, link+"2")
	}
	s, err := store.Open(path, store.Options{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	p := newPager(t, 4, nil)
	for _, name := range names {
		before, err := os.ReadFile(name)
		if err != nil {
			continue // a link that this system cannot follow
		}
		_, err = p.Map(s, Options{Mode: Transactional, Journal: name})
		supported(t, err)
		if !errors.Is(err, journal.ErrNotJournal) {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(name); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s has %d bytes, %v", name, len(after), err)
		}
	}
}

// A process that commits without end is killed, again and again: all pages are of
// one commit, and it is not older than the last that the process told of.
func TestKillDuringCommit(t *testing.T) {
	if path := os.Getenv("FILEMAP_PAGER_KILL"); path != "" {
		commitForever(path)
		return
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "store")
	if err := os.WriteFile(path, make([]byte, killPages*sys.PageSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "js" || runtime.GOOS == "wasip1" || runtime.GOOS == "plan9" {
		t.Skipf("unsupported on %s: journals, and being killed", runtime.GOOS)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		child := exec.Command(self, "-test.run=^TestKillDuringCommit$")
		child.Env = append(os.Environ(), "FILEMAP_PAGER_KILL="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		told := make([]byte, 8)
		for range 3 + rand.IntN(10) {
			if _, err := io.ReadFull(out, told); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // anywhere in a commit
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(out)
		_ = child.Wait()
		if n := len(rest) / 8; n > 0 {
			copy(told, rest[(n-1)*8:n*8])
		}
		last, err := strconv.Atoi(string(bytes.TrimSpace(told)))
		if err != nil {
			t.Fatal(err)
		}
		if got := killedState(t, path); got < last {
			t.Fatalf("round %d: the store is of commit %d, and %d was told", round, got, last)
		}
	}
}

const killPages = 32

func openKilled(path string) (*Pager, *store.File, *Mapping, error) {
	p, err := New(Config{Budget: int64(8 * sys.PageSize), Swap: Swap{Bytes: int64(killPages * sys.PageSize)}})
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := store.Open(path, store.Options{Write: true})
	if err != nil {
		return nil, nil, nil, err
	}
	m, err := p.Map(s, Options{Mode: Transactional, Journal: path + ".journal"})
	return p, s, m, err
}

// commitForever writes the commit's number to every page, and tells it.
func commitForever(path string) {
	_, _, m, err := openKilled(path)
	number := uint64(0)
	if err == nil {
		number, err = m.Uint64(ctx, 0)
	}
	for err == nil {
		number++
		for page := range killPages {
			if _, err = m.WriteAt(binary.LittleEndian.AppendUint64(nil, number), int64(page*sys.PageSize)); err != nil {
				break
			}
		}
		if err == nil {
			err = m.Commit(ctx)
		}
		if err == nil {
			fmt.Fprintf(os.Stdout, "%07d\n", number)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func killedState(t *testing.T, path string) int {
	t.Helper()
	p, s, m, err := openKilled(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	defer func() { _ = p.Close() }()
	first, err := m.Uint64(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	for page := range killPages {
		if v, err := m.Uint64(ctx, int64(page*sys.PageSize)); err != nil || v != first {
			t.Fatalf("page %d is of commit %d, page 0 of %d: %v", page, v, first, err)
		}
	}
	return int(first)
}
