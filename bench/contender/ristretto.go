package contender

import (
	"errors"
	"os"

	"github.com/dgraph-io/ristretto/v2/z"

	"github.com/filemap-go/filemap/bench/harness"
)

// Ristretto is z.MmapFile of dgraph's ristretto, closed without its Close, which
// would sync the file first: by its own Munmap and the descriptor's Close.
var Ristretto = Library{
	Name:  "ristretto",
	Role:  harness.Peer,
	Read:  func(path string) (*Mapping, error) { return ristretto(path, os.O_RDONLY) },
	Write: func(path string) (*Mapping, error) { return ristretto(path, os.O_RDWR) },
	Once: func(path string, touch bool) (int, error) {
		m, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
		if err != nil {
			return 0, err
		}
		n := seen(m.Data, touch)
		if err := z.Munmap(m.Data); err != nil {
			return 0, errors.Join(err, m.Fd.Close())
		}
		return n, m.Fd.Close()
	},
}

// RistrettoSyncing is the same, closed as its documentation has it.
var RistrettoSyncing = Library{
	Name: "ristretto, Close syncs",
	Role: harness.Peer,
	Once: func(path string, touch bool) (int, error) {
		m, err := z.OpenMmapFile(path, os.O_RDONLY, 0)
		if err != nil {
			return 0, err
		}
		n := seen(m.Data, touch)
		return n, m.Close(-1)
	},
}

func ristretto(path string, flag int) (*Mapping, error) {
	m, err := z.OpenMmapFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	return &Mapping{Bytes: m.Data, Sync: m.Sync, Close: func() error { return errors.Join(z.Munmap(m.Data), m.Fd.Close()) }}, nil
}
