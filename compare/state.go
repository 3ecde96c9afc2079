package compare

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
)

// observer brings the file into the state that a run is to begin in, and looks
// whether it is.
type observer struct {
	file sys.File     // to evict and to read
	view *filemap.Map // never touched: it shows what is resident and maps no page
}

func newObserver(path string) (*observer, error) {
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return nil, err
	}
	view, err := filemap.Open(path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &observer{f, view}, nil
}

func (o *observer) close() error { return errors.Join(o.view.Close(), o.file.Close()) }

// residency is how much of the file is in memory.
type residency struct {
	known           bool
	pages, resident int64
	why             error // not known
}

func (o *observer) look() residency {
	r, err := o.view.Residency(context.Background(), 0, filemap.ToEnd)
	switch {
	case err != nil:
		return residency{why: err}
	case !r.Known:
		return residency{why: errors.New("the kernel tells only who owns the file, or may write it, which of its pages are in memory")}
	}
	return residency{known: true, pages: r.Pages, resident: r.ResidentPages}
}

func (r residency) cold() bool { return r.known && r.resident == 0 }
func (r residency) warm() bool { return r.known && r.resident == r.pages }

// notInState is why a run did not count.
type notInState struct{ text string }

func (e *notInState) Error() string { return e.text }

const evictTries = 5

// evict makes the file's pages clean and asks the kernel to drop them, again if
// some were just in use. What it did is only known to who looks.
func (o *observer) evict() (took time.Duration, err error) {
	began := time.Now()
	for range evictTries {
		// Dirty pages are not dropped.
		if err := o.file.Clean(); err != nil {
			return 0, fmt.Errorf("the file cannot be evicted: %w", err)
		}
		if err := o.file.Evict(); err != nil {
			return 0, fmt.Errorf("the file cannot be evicted, compare without --cold: %w", err)
		}
		if r := o.look(); !r.known || r.cold() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(began), nil
}

// checkCold tells whether the file is out of memory: a nil error and false says
// that nobody knows.
func (o *observer) checkCold() (checked bool, err error) {
	r := o.look()
	if r.known && !r.cold() {
		return false, &notInState{fmt.Sprintf(
			"not cold: %d of %d pages stayed in memory after eviction (a file in memory only, as on tmpfs, or one that another process has mapped, cannot be evicted: choose another place with --dir, or compare a copy)",
			r.resident, r.pages)}
	}
	return r.known, nil
}

// checkWarm looks whether all of the file is in memory, and reads it if not.
func (o *observer) checkWarm(mustFit bool) error {
	r := o.look()
	if !r.known || r.warm() || o.view.Len() == 0 {
		return nil
	}
	if err := o.read(); err != nil {
		return err
	}
	if r = o.look(); mustFit && !r.warm() {
		return &notInState{fmt.Sprintf("not warm: %d of %d pages are in memory after all of the file was read (is it larger than memory? compare it with --cold)",
			r.resident, r.pages)}
	}
	return nil
}

// read reads all of the file into the page cache.
func (o *observer) read() error {
	b, err := newBuffer(verifyIntegers)
	if err != nil {
		return err
	}
	for done := int64(0); done < o.view.Len() && err == nil; done += int64(len(b.bytes)) {
		part := b.bytes[:min(int64(len(b.bytes)), o.view.Len()-done)]
		_, err = o.file.ReadAt(part, done)
	}
	return errors.Join(err, b.close())
}
