package contender

import (
	"errors"
	"os"

	"github.com/edsrzf/mmap-go"

	"github.com/filemap-go/filemap/bench/harness"
)

// MmapGo is github.com/edsrzf/mmap-go: it maps a file that the caller opened.
var MmapGo = Library{
	Name:  "mmap-go",
	Role:  harness.Peer,
	Read:  func(path string) (*Mapping, error) { return mmapGo(path, os.O_RDONLY, mmap.RDONLY) },
	Write: func(path string) (*Mapping, error) { return mmapGo(path, os.O_RDWR, mmap.RDWR) },
	Once: func(path string, touch bool) (int, error) {
		f, err := os.OpenFile(path, os.O_RDONLY, 0)
		if err != nil {
			return 0, err
		}
		m, err := mmap.Map(f, mmap.RDONLY, 0)
		if err != nil {
			return 0, errors.Join(err, f.Close())
		}
		n := seen(m, touch)
		if err := m.Unmap(); err != nil {
			return 0, errors.Join(err, f.Close())
		}
		return n, f.Close()
	},
}

func mmapGo(path string, flag, prot int) (*Mapping, error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	m, err := mmap.Map(f, prot, 0)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Mapping{Bytes: m, Sync: m.Flush, Close: func() error { return errors.Join(m.Unmap(), f.Close()) }}, nil
}
