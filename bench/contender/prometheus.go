package contender

import (
	"github.com/prometheus/prometheus/tsdb/fileutil"

	"github.com/filemap-go/filemap/bench/harness"
)

// Prometheus is the read-only MmapFile of prometheus' tsdb/fileutil.
var Prometheus = Library{
	Name: "prometheus",
	Role: harness.Peer,
	Read: func(path string) (*Mapping, error) {
		m, err := fileutil.OpenMmapFile(path)
		if err != nil {
			return nil, err
		}
		return &Mapping{Bytes: m.Bytes(), Close: m.Close}, nil
	},
	Once: func(path string, touch bool) (int, error) {
		m, err := fileutil.OpenMmapFile(path)
		if err != nil {
			return 0, err
		}
		n := seen(m.Bytes(), touch)
		return n, m.Close()
	},
}
