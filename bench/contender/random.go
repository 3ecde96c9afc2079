package contender

import (
	"errors"
	"fmt"
	"os"

	"github.com/dgraph-io/ristretto/v2/z"
	"github.com/edsrzf/mmap-go"
	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/bench/harness"
)

// Libraries whose users can say that they read at random, and do. x/exp/mmap and
// prometheus leave no way: the former has no bytes to advise on, the latter none
// of its users do.

// MmapGoRandom is mmap-go with advice by x/sys, of which it has none itself.
var MmapGoRandom = Library{
	Name: "mmap-go, advised",
	Role: harness.Peer,
	Read: func(path string) (*Mapping, error) {
		m, err := mmapGo(path, os.O_RDONLY, mmap.RDONLY)
		if err != nil {
			return nil, err
		}
		return advised(m, unix.Madvise(m.Bytes, unix.MADV_RANDOM))
	},
	Write: func(path string) (*Mapping, error) {
		m, err := mmapGo(path, os.O_RDWR, mmap.RDWR)
		if err != nil {
			return nil, err
		}
		return advised(m, unix.Madvise(m.Bytes, unix.MADV_RANDOM))
	},
}

// RistrettoRandom is ristretto with its own advice.
var RistrettoRandom = Library{
	Name: "ristretto, advised",
	Role: harness.Peer,
	Read: func(path string) (*Mapping, error) {
		m, err := ristretto(path, os.O_RDONLY)
		if err != nil {
			return nil, err
		}
		return advised(m, z.Madvise(m.Bytes, false))
	},
}

func advised(m *Mapping, err error) (*Mapping, error) {
	if err != nil {
		return nil, errors.Join(fmt.Errorf("advice: %w", err), m.Close())
	}
	return m, nil
}
