package contender

import (
	"golang.org/x/exp/mmap"

	"github.com/filemap-go/filemap/bench/harness"
)

// ExpMmap is golang.org/x/exp/mmap: read-only, by ReadAt and At, no bytes.
var ExpMmap = Library{
	Name: "x/exp/mmap",
	Role: harness.Peer,
	Read: func(path string) (*Mapping, error) {
		r, err := mmap.Open(path)
		if err != nil {
			return nil, err
		}
		return &Mapping{ReadAt: r.ReadAt, Close: r.Close}, nil
	},
	Once: func(path string, touch bool) (int, error) {
		r, err := mmap.Open(path)
		if err != nil {
			return 0, err
		}
		n := r.Len()
		if touch {
			n = int(r.At(0))
		}
		return n, r.Close()
	},
}
