//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package filemap_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap"
)

// On Windows nobody can make a mapped file shorter.
func ExampleMap_Guard() {
	path := filepath.Join(os.TempDir(), "filemap-example-guard")
	defer os.Remove(path)
	_ = os.WriteFile(path, make([]byte, 1<<20), 0o644)
	m, err := filemap.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	_ = os.Truncate(path, 0) // somebody else makes the file shorter

	sum := 0
	err = m.Guard(func() error {
		for _, b := range m.Bytes() { // without Guard: a crash
			sum += int(b)
		}
		return nil
	})
	fmt.Println(errors.Is(err, filemap.ErrTruncated))
	// Output: true
}
