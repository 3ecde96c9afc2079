package pager_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap/pager"
	"github.com/filemap-go/filemap/pager/store"
)

// A file is read and changed through a mapping that takes 64 KiB of memory,
// however large the file is.
func Example() {
	dir, err := os.MkdirTemp("", "pager")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := store.Open(filepath.Join(dir, "data"), store.Options{Write: true, Create: true, Size: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = s.Close() }()

	p, err := pager.New(pager.Config{Budget: 64 << 10})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	m, err := p.Map(s, pager.Options{Mode: pager.Shared})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	pin, err := m.PinWrite(ctx, 100_000, 5)
	if err != nil {
		log.Fatal(err)
	}
	copy(pin.Bytes(), "hello")
	pin.Unpin()
	if err := m.Sync(ctx); err != nil {
		log.Fatal(err)
	}

	b := make([]byte, 5)
	if _, err := s.ReadAt(b, 100_000); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %d bytes of memory at most\n", b, p.Budget())
	// Output: hello, 65536 bytes of memory at most
}
