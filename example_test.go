//go:build !(js || wasip1 || plan9)

package filemap_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap"
)

func Example() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)

	m, err := filemap.Create(filepath.Join(dir, "counters"), 8*1000)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	counters, err := filemap.SliceOf[int64](m, 0, filemap.ToEnd)
	if err != nil {
		log.Fatal(err)
	}
	counters[7]++ // memory, and the file
	if err := m.Sync(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(counters), counters[7])
	// Output: 1000 1
}

func ExampleRange() {
	path := filepath.Join(os.TempDir(), "filemap-example-range")
	defer os.Remove(path)
	_ = os.WriteFile(path, []byte("one two three"), 0o644)
	m, err := filemap.Open(path, filemap.Range(4, 3))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	fmt.Printf("%s\n", m.Bytes())
	// Output: two
}

func ExamplePrivate() {
	path := filepath.Join(os.TempDir(), "filemap-example-private")
	defer os.Remove(path)
	_ = os.WriteFile(path, []byte("as it was"), 0o644)
	m, err := filemap.Open(path, filemap.Private)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	copy(m.Bytes(), "no longer")
	onDisk, _ := os.ReadFile(path)
	fmt.Printf("%s\n%s\n", m.Bytes(), onDisk)
	// Output:
	// no longer
	// as it was
}

func ExampleMap_Cursor() {
	path := filepath.Join(os.TempDir(), "filemap-example-cursor")
	defer os.Remove(path)
	_ = os.WriteFile(path, []byte("a file-like reader"), 0o644)
	m, err := filemap.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	c := m.Cursor()
	_, _ = c.Seek(2, io.SeekStart)
	_, _ = io.Copy(os.Stdout, c)
	// Output: file-like reader
}
