package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pagecache"
)

// A pattern that writes works on a copy of the user's file. What it measures there
// is only true of the file if the copy lies in memory as the file does: a file in
// folios of 4 KiB takes many times the faults of one in folios of 1 MiB. The kernel
// makes a folio as large as the write that fills it, so the copy is written in
// pieces that are the file's own folios. Parts that are not in memory are dropped
// from it, to be read as the file would be.

// likeness is how a copy lies in memory, beside its original.
type likeness struct {
	same *bool // nil: not known
	how  string
}

func (l *likeness) know(same bool, how string, values ...any) {
	l.same, l.how = &same, fmt.Sprintf(how, values...)
}

func (l *likeness) unknown(why string, values ...any) {
	l.same, l.how = nil, fmt.Sprintf(why, values...)
}

// copyTo makes the copy of the user's file that writing patterns work on. lies is
// how that lay in memory before anybody read it.
func (t *target) copyTo(ctx context.Context, o *Options, lies *pagecache.Layout, lieError error) error {
	dir := o.Dir
	if dir == "" {
		dir = filepath.Dir(t.path)
	}
	t.copyOf = t.path
	if err := t.scratchIn(dir, os.TempDir()); err != nil {
		return err
	}
	var err error
	switch {
	case o.State == Cold:
		t.like.unknown("with --cold both are dropped from memory before a run, and what is read lies in new folios")
		err = t.fill(ctx, t.integers, nil)
	case lieError != nil:
		t.like.unknown("%v", lieError)
		err = t.fill(ctx, t.integers, nil)
	case !lies.Known:
		t.like.unknown("the kernel tells only the file's owner, or root, which of its pages are in memory")
		err = t.fill(ctx, t.integers, nil)
	case lies.FoliosUnknown == nil:
		err = t.copyByFolios(ctx, lies)
	default:
		err = t.copyByFaults(ctx, lies)
	}
	return t.filled(err)
}

// copyByFolios writes the copy folio by folio, and looks whether it came out so.
func (t *target) copyByFolios(ctx context.Context, lies *pagecache.Layout) error {
	if err := t.fill(ctx, t.integers, lies.Folios); err != nil {
		return err
	}
	if err := t.dropOthers(lies.Cached); err != nil {
		return err
	}
	got, err := pagecache.LayoutOf(ctx, t.path)
	if err == nil {
		err = got.FoliosUnknown
	}
	if err != nil {
		t.like.unknown("how the copy lies in memory cannot be seen: %v", err)
		return ctx.Err()
	}
	want := t.clip(lies.Folios)
	if slices.Equal(t.clip(got.Folios), want) {
		t.like.know(true, "its folios have the sizes of the file's")
		return nil
	}
	t.like.know(false, "the file's pages in memory are in %s, the copy's in %s",
		plural(float64(len(want)), "folio"), plural(float64(len(got.Folios)), "folio"))
	return nil
}

// copyByFaults is for those who may not see folios: it writes the copy in large
// pieces or, where loads of the file fault more often than loads of that, page by
// page. In folios of up to fault-around's 64 KiB loads fault equally often, so that
// more than "as often" is not known.
func (t *target) copyByFaults(ctx context.Context, lies *pagecache.Layout) error {
	cached := t.clip(lies.Cached)
	want, err := loadFaults(t.copyOf, cached)
	if err != nil {
		t.like.unknown("only root can see the file's folios (%v), and its faults cannot be counted: %v", lies.FoliosUnknown, err)
		return t.fill(ctx, t.integers, nil)
	}
	var got int64
	for _, pieces := range [][]pagecache.Extent{nil, pagesOf(cached)} {
		if err := t.fill(ctx, t.integers, pieces); err != nil {
			return err
		}
		if err := t.dropOthers(lies.Cached); err != nil {
			return err
		}
		if got, err = loadFaults(t.path, cached); err != nil {
			return err
		}
		if got == want {
			break
		}
	}
	t.like.unknown("only root can see folios; loads of the file take %s and loads of the copy %s",
		plural(float64(want), "fault"), humanCount(float64(got)))
	return nil
}

// clip cuts extents at the end of the integers, which is where the copy ends.
func (t *target) clip(list []pagecache.Extent) []pagecache.Extent {
	var kept []pagecache.Extent
	for _, e := range list {
		if e.Length = min(e.Length, t.integers*integerBytes-e.Offset); e.Length > 0 {
			kept = append(kept, e)
		}
	}
	return kept
}

// pagesOf divides extents into pages.
func pagesOf(list []pagecache.Extent) []pagecache.Extent {
	page := int64(filemap.PageBytes())
	var parts []pagecache.Extent
	for _, e := range list {
		for at := e.Offset; at < e.Offset+e.Length; at += page {
			parts = append(parts, pagecache.Extent{Offset: at, Length: min(page, e.Offset+e.Length-at)})
		}
	}
	return parts
}

// dropOthers drops from memory what of the copy is not in cached. It is clean.
func (t *target) dropOthers(cached []pagecache.Extent) (err error) {
	size := t.integers * integerBytes
	f, err := sys.OpenFile(t.path, 0, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	at := int64(0)
	for _, e := range append(slices.Clone(cached), pagecache.Extent{Offset: size}) {
		if e.Offset > at {
			// A system without the call has no folios to be like either.
			if err := f.EvictRange(at, min(e.Offset, size)-at); err != nil && !errors.Is(err, errors.ErrUnsupported) {
				return err
			}
		}
		at = max(at, e.Offset+e.Length)
	}
	return nil
}

// countTries is how often faults are counted: the least number is the mapping's own.
const countTries = 3

// loadFaults counts the faults of a load from each page of the parts, in order, of
// a new mapping. The goroutine must be locked to its thread.
func loadFaults(path string, parts []pagecache.Extent) (int64, error) {
	least := int64(-1)
	for range countTries {
		n, err := loadFaultsOnce(path, parts)
		if err != nil {
			return 0, err
		}
		if least < 0 || n < least {
			least = n
		}
	}
	return least, nil
}

func loadFaultsOnce(path string, parts []pagecache.Extent) (faults int64, err error) {
	m, err := filemap.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	bytes, page := m.Bytes(), int64(filemap.PageBytes())
	before, err := sys.ReadUsage(true)
	if err != nil {
		return 0, err
	}
	err = m.Guard(func() error {
		var sum byte
		for _, e := range parts {
			for at := e.Offset; at < e.Offset+e.Length; at += page {
				sum += bytes[at]
			}
		}
		loaded.Store(uint32(sum))
		return nil
	})
	if err != nil {
		return 0, err
	}
	after, err := sys.ReadUsage(true)
	u := after.Sub(before)
	return int64(u.MinorFaults + u.MajorFaults), err
}

// loaded keeps the compiler from leaving the loads out.
var loaded atomic.Uint32
