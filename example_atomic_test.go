//go:build linux || darwin || freebsd || netbsd || dragonfly || windows

package filemap_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap"
)

// A counter that no crash can tear: two numbers that change together, or not.
func ExampleMap_Commit() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "counter")

	m, err := filemap.Create(path, 16, filemap.Atomic)
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		visits, _ := filemap.Load[int64](m, 0)
		err := errors.Join(
			filemap.Store(m, 0, visits+1),
			filemap.Store(m, 8, -(visits+1)), // always the first one's negative
			m.Commit(),                       // both are durable now
		)
		if err != nil {
			log.Fatal(err)
		}
	}
	// Not committed: gone.
	if err := errors.Join(filemap.Store(m, 0, int64(100)), m.Close()); err != nil {
		log.Fatal(err)
	}

	if m, err = filemap.Open(path, filemap.ReadWrite, filemap.Atomic); err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	visits, _ := filemap.Load[int64](m, 0)
	negative, _ := filemap.Load[int64](m, 8)
	fmt.Println(visits, negative, "recovery:", m.Recovery().State)
	// Output: 3 -3 recovery: not needed
}

// Stores that nobody else sees, and no device writes, until Sync.
func ExampleMap_Discard() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)

	m, err := filemap.Create(filepath.Join(dir, "notes"), 1<<20, filemap.Staged)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	err = errors.Join(
		filemap.Store(m, 0, int32(1)),
		m.Sync(), // writes one page
		filemap.Store(m, 0, int32(2)),
	)
	if err != nil {
		log.Fatal(err)
	}
	changed, _ := m.Dirty(0, filemap.ToEnd)
	if err := m.Discard(); err != nil {
		log.Fatal(err)
	}
	n, _ := filemap.Load[int32](m, 0)
	fmt.Println(len(changed), "range changed, then", n)
	// Output: 1 range changed, then 1
}
