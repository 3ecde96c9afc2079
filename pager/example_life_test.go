//go:build !js && !wasip1 && !plan9

package pager_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/pager"
	"github.com/filemap-go/filemap/pager/store"
)

// The life of one page, told by the pager's events: the second of a mapping of
// four. The budget is one page, so that another page's coming makes it leave.
func Example_lifeOfAPage() {
	dir, err := os.MkdirTemp("", "pager")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	page := int64(os.Getpagesize())
	s, err := store.Open(filepath.Join(dir, "data"), store.Options{Write: true, Create: true, Size: 4 * page})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()

	p, err := pager.New(pager.Config{
		Budget:     page,
		Swap:       pager.Swap{Bytes: 4 * page},
		DirectOnly: true,
		Events: func(e event.Event) {
			if e.Length == page {
				fmt.Printf("    %d %-11s page %d\n", e.Stage, e.Name, e.Offset/page)
			} else {
				fmt.Printf("    %d %s\n", e.Stage, e.Name)
			}
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	b := make([]byte, 6)
	ctx := context.Background()
	var m *pager.Mapping
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"mapped", func() (err error) {
			m, err = p.Map(s, pager.Options{Mode: pager.Transactional, Journal: filepath.Join(dir, "journal")})
			return err
		}},
		{"faulted from the file, read", func() error { _, err := m.ReadAt(b, page); return err }},
		{"changed", func() error { _, err := m.WriteAt([]byte("change"), page); return err }},
		{"swapped out, since page 3 is read", func() error { _, err := m.ReadAt(b, 3*page); return err }},
		{"faulted from swap", func() error { _, err := m.ReadAt(b, page); return err }},
		{"committed", func() error { return m.Commit(ctx) }},
		{"evicted, without a write", func() error { _, err := m.ReadAt(b, 3*page); return err }},
		{"unmapped", func() error { return m.Close() }},
	} {
		fmt.Println(step.what)
		if err := step.do(); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := s.ReadAt(b, page); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("the file has %q\n", b)
	if err := p.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// mapped
	//     1 map
	// faulted from the file, read
	//     3 device-read page 1
	//     3 fault       page 1
	//     2 access
	// changed
	//     4 dirty       page 1
	//     2 access
	// swapped out, since page 3 is read
	//     4 swap-out    page 1
	//     4 evict       page 1
	//     4 reclaim     page 1
	//     3 device-read page 3
	//     3 fault       page 3
	//     2 access
	// faulted from swap
	//     4 evict       page 3
	//     4 reclaim     page 3
	//     3 swap-in     page 1
	//     3 fault       page 1
	//     2 access
	// committed
	//     4 sync        page 1
	// evicted, without a write
	//     4 evict       page 1
	//     4 reclaim     page 1
	//     3 device-read page 3
	//     3 fault       page 3
	//     2 access
	// unmapped
	//     4 evict       page 3
	//     4 unmap
	// the file has "change"
}
