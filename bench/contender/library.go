// Package contender holds the libraries that filemap is compared with, one a
// file, each used as its own users use it.
package contender

import "github.com/filemap-go/filemap/bench/harness"

// Library is one way to have a file as memory, or to read it. What a library
// does not have is nil.
type Library struct {
	Name string
	Role harness.Role

	// Read maps the whole file at path for reading, Write for reading and writing.
	Read, Write func(path string) (*Mapping, error)

	// Once opens, maps and closes the file at path. It returns the number of
	// bytes mapped or, with touch, the first byte, so that the result can be
	// checked.
	Once func(path string, touch bool) (int, error)
}

// Mapping is a mapped file.
type Mapping struct {
	Bytes []byte // nil where the library does not hand them out

	// ReadAt and WriteAt are the library's own, where it has them.
	ReadAt, WriteAt func(p []byte, off int64) (int, error)

	// Sync makes the stores durable; nil where the mapping cannot be stored to.
	Sync func() error

	Close func() error
}

// Peers are the other mapping libraries, in the order of the tables.
func Peers() []*Library { return []*Library{&ExpMmap, &MmapGo, &Ristretto, &Prometheus} }

// seen is what Once returns for a file's bytes.
func seen(b []byte, touch bool) int {
	if touch {
		return int(b[0])
	}
	return len(b)
}
