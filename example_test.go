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

// A typed array that grows: elements already handed out stay where they are.
func ExampleReserve() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)

	m, err := filemap.Create(filepath.Join(dir, "points"), 0, filemap.Reserve(1<<30))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	type point struct{ X, Y float64 }
	grow := func(n int64) []point {
		if err := m.Resize(n * 16); err != nil {
			log.Fatal(err) // a full disk, say: nothing has changed
		}
		points, err := filemap.SliceOf[point](m, 0, filemap.ToEnd)
		if err != nil {
			log.Fatal(err)
		}
		return points
	}
	points := grow(1000)
	seventh := &points[7]
	more := grow(1_000_000)
	seventh.X = 3.5
	fmt.Println(len(more), more[7].X, &more[7] == seventh)
	// Output: 1000000 3.5 true
}

func ExampleMap_Append() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "log")

	m, err := filemap.Create(path, 0, filemap.Reserve(1<<30))
	if err != nil {
		log.Fatal(err)
	}
	off, err := m.Append([]byte("first line\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(m.Appender(), "line %d\n", 2)
	fmt.Printf("%d %q\n", off, m.Bytes())
	if err := m.Close(); err != nil { // cuts off what was prepared
		log.Fatal(err)
	}
	st, _ := os.Stat(path)
	fmt.Println(st.Size())
	// Output:
	// 0 "first line\nline 2\n"
	// 18
}
