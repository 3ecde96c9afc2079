package contender

import (
	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/harness"
)

// Filemap is this library.
var Filemap = Library{
	Name: "filemap",
	Role: harness.Ours,
	Read: func(path string) (*Mapping, error) { return filemapMapping(filemap.Open(path)) },
	Write: func(path string) (*Mapping, error) {
		return filemapMapping(filemap.Open(path, filemap.ReadWrite))
	},
	Once: func(path string, touch bool) (int, error) {
		m, err := filemap.Open(path)
		if err != nil {
			return 0, err
		}
		n := seen(m.Bytes(), touch)
		return n, m.Close()
	},
}

func filemapMapping(m *filemap.Map, err error) (*Mapping, error) {
	if err != nil {
		return nil, err
	}
	return &Mapping{Bytes: m.Bytes(), ReadAt: m.ReadAt, WriteAt: m.WriteAt, Close: m.Close}, nil
}
