package filemap_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/filemap-go/filemap"
)

// Whatever looks at a Map has one length of it, however its file changes and
// whoever tells the Map.
func TestRefreshBesideEverything(t *testing.T) {
	page := int64(filemap.PageBytes())
	sizes := []int64{500 * page, 10*page + 7, 0, 333 * page}
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for kind, options := range map[string][]filemap.Option{
		"shared":  {filemap.ReadWrite},
		"private": {filemap.Private},
		"staged":  {filemap.ReadWrite, filemap.Staged},
		"atomic":  {filemap.ReadWrite, filemap.Atomic},
		"range":   {filemap.ReadWrite, filemap.Staged, filemap.Range(page/2, filemap.ToEnd)},
	} {
		for _, way := range filemap.Finders() {
			path := writeFile(t, pattern(int(sizes[0])))
			m := open(t, path, options...)
			if kind != "shared" && kind != "private" {
				m.SetFinder(way)
			} else if way != 0 {
				continue
			}
			if err := os.Truncate(path, sizes[1]); err != nil {
				t.Skipf("a mapped file cannot become shorter: %v", err)
			}
			var stop sync.WaitGroup
			done := make(chan struct{})
			stop.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					default:
					}
					if os.Truncate(path, sizes[i%len(sizes)]) == nil {
						_, _ = m.Refresh()
					}
				}
			})
			for i := range rounds {
				useAll(t, m, int64(i))
			}
			close(done)
			stop.Wait()
			if err := m.Close(); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
}

// useAll calls what takes ranges. Errors there may be, of this package's kind.
func useAll(t *testing.T, m *filemap.Map, i int64) {
	t.Helper()
	page := int64(filemap.PageBytes())
	b := make([]byte, 3*page)
	c := m.Cursor()
	calls := []func() error{
		m.Sync,
		func() error { return m.SyncRange(i%10*page, page) },
		func() error { _, err := m.WriteAt(b[:100], i%60*page); return err },
		func() error { return filemap.Store(m, i%60*page, i) },
		func() error { _, err := m.WriteAt(b[:1], m.Len()-1); return err },
		m.Sync,
		func() error { _, err := m.Dirty(0, filemap.ToEnd); return err },
		func() error { _, err := m.Dirty(page, 40*page); return err },
		func() error { return m.Discard() },
		func() error { _, err := m.Residency(t.Context(), 0, filemap.ToEnd); return err },
		func() error { _, err := m.ReadAt(b, i%60*page); return err },
		func() error { return m.View(0, filemap.ToEnd, func([]byte) error { return nil }) },
		func() error { return m.Update(page, page, func(b []byte) error { b[0]++; return nil }) },
		func() error { return m.Populate(context.Background(), 0, filemap.ToEnd, nil) },
		func() error { return m.Advise(filemap.Random, 0, filemap.ToEnd) },
		func() error { return m.Protect(filemap.ReadWrite, 0, filemap.ToEnd) },
		func() error { return m.StartWriteback(0, filemap.ToEnd) },
		func() error { _, _, err := m.Record(0); return err },
		func() error { _, err := c.Next(100 * page); return err },
		func() error { _, err := c.Seek(0, 2); return err },
	}
	for n, call := range calls {
		err := call()
		var typed *filemap.Error
		if err != nil && !errors.As(err, &typed) && err.Error() != "EOF" {
			t.Errorf("call %d: %v (%T)", n, err, err)
		}
	}
	m.Bytes()
}
