package comparison

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/filemap-go/filemap/bench/harness"
)

// commit is a durable transaction of N random pages of 4 KiB, all or nothing, in
// 1 GiB of them. One operation is one transaction: N stores of a new page each,
// and the commit.
//
// Every engine holds the same 262 144 pages before: filemap in a plain file opened
// Atomic, written through a mapping; bbolt as values of that size under keys of 8
// bytes; SQLite (modernc.org/sqlite) as blobs of that size under an integer key, in
// WAL mode with synchronous=FULL, which makes each commit durable. Their other
// settings are those they come with. After a run the pages of its last transaction
// are read back through the engine.
//
// Atomic's journal and SQLite's WAL put writes in random places off to a later
// transaction, every 16 MiB of commits or 1000 pages: with few pages most runs are
// without one, and the median with them. What was put off is in device/N.
//
//	time/N    the time of a transaction, on the disk of -dir
//	device/N  what the device is given for it, on ext4 in an image of its own; the
//	          file system's own writes, and those put off, are waited for and
//	          counted too
func commit() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "commit",
		About: "durable transactions of 1 to 1000 random pages of 4 KiB in 1 GiB: Atomic, bbolt, SQLite; time and device bytes",
	}
	for _, device := range []bool{false, true} {
		for _, n := range []int{1, 10, 100, 1000} {
			c.Cases = append(c.Cases, committing{n, device}.newCase())
		}
	}
	return c
}

// committing is a case.
type committing struct {
	pages  int
	device bool // what it is given is measured, and not the time
}

const (
	committedPages = 1 << 18
	committedBytes = 4096
)

// engine is something that commits pages.
type engine struct {
	name string
	role harness.Role
	open func(dir string, pages uint64) (store, error)
}

// store is an engine at work.
type store interface {
	// fill makes all pages, once, by put.
	fill(put func(page uint64, b []byte)) error
	// commit stores the pages that put makes, all or none, durably.
	commit(pages []uint64, put func(page uint64, b []byte)) error
	// read fills b with a page.
	read(page uint64, b []byte) error
	close() error
}

func engines() []engine {
	return []engine{
		{"filemap Atomic", harness.Ours, openFilemapStore},
		{"bbolt", harness.Alternative, openBbolt},
		{"SQLite, WAL", harness.Alternative, openSQLite},
	}
}

func (c committing) newCase() harness.Case {
	var (
		on     *image
		failed error
		where  string
	)
	k := harness.Case{Name: fmt.Sprintf("time/%d", c.pages), Unit: "us/commit", Better: harness.Lower, Ops: c.ops()}
	if c.device {
		k.Name, k.Unit = fmt.Sprintf("device/%d", c.pages), "KiB/commit"
	}
	k.Prepare = func(dir string) error {
		where = filepath.Join(dir, filepath.Dir(k.Name), fmt.Sprint(c.pages))
		if err := os.MkdirAll(where, 0o755); err != nil {
			return err
		}
		if c.device {
			if on, failed = mountImage(where, "ext4", 8<<30); failed == nil {
				where = on.dir
			}
		}
		return nil
	}
	k.Finish = func(*harness.Document) {
		if on != nil {
			on.end()
		}
		_ = os.RemoveAll(where)
	}
	for _, e := range engines() {
		k.Contenders = append(k.Contenders, harness.Contender{Name: e.name, Role: e.role, New: func(string) (*harness.Task, error) {
			if failed != nil {
				return nil, failed
			}
			return c.newTask(e, on, where, committedPages)
		}})
	}
	return k
}

// ops is how many transactions a run has: of the largest as many as there are from
// one sync of Atomic's file to the next.
func (c committing) ops() int { return max(4, min(20, 1000/c.pages)) }

// committer is an engine and what was committed last.
type committer struct {
	store  store
	all    uint64 // pages that there are
	random *rand.Rand
	pages  []uint64
	stamp  uint64
}

func (c committing) newTask(e engine, on *image, where string, pages uint64) (*harness.Task, error) {
	s, err := e.open(where, pages)
	if err != nil {
		return nil, err
	}
	w := &committer{store: s, all: pages, random: rand.New(rand.NewPCG(uint64(c.pages), 7)), pages: make([]uint64, c.pages)}
	if err := s.fill(w.put); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &harness.Task{
		Before: func(int) error {
			if on == nil {
				return nil
			}
			return on.settle()
		},
		Measure: func(n int) (float64, error) {
			if on != nil {
				return w.deviceKiB(n, on)
			}
			begin := time.Now()
			err := w.commit(n)
			return float64(time.Since(begin).Microseconds()) / float64(n), err
		},
		Check: w.check,
		Close: s.close,
	}, nil
}

func (w *committer) deviceKiB(n int, on *image) (float64, error) {
	before, err := on.written()
	if err != nil {
		return 0, err
	}
	if err := errors.Join(w.commit(n), on.settle()); err != nil {
		return 0, err
	}
	after, err := on.written()
	return float64(after-before) / 1024 / float64(n), err
}

// put makes a page: which it is, and when it was made.
func (w *committer) put(page uint64, b []byte) {
	for at := 0; at < len(b); at += 16 {
		binary.LittleEndian.PutUint64(b[at:], page)
		binary.LittleEndian.PutUint64(b[at+8:], w.stamp+uint64(at))
	}
}

func (w *committer) commit(n int) error {
	for range n {
		w.stamp++
		seen := make(map[uint64]bool, len(w.pages))
		for i := range w.pages {
			page := w.random.Uint64N(w.all)
			for seen[page] {
				page = w.random.Uint64N(w.all)
			}
			seen[page] = true
			w.pages[i] = page
		}
		if err := w.store.commit(w.pages, w.put); err != nil {
			return err
		}
	}
	return nil
}

func (w *committer) check(int) error {
	got, want := make([]byte, committedBytes), make([]byte, committedBytes)
	for _, page := range w.pages {
		if err := w.store.read(page, got); err != nil {
			return err
		}
		if w.put(page, want); !bytes.Equal(got, want) {
			return harness.Wrong("page %d is not as committed", page)
		}
	}
	return nil
}
