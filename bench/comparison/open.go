package comparison

import (
	"path/filepath"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// open is what a short-lived mapping costs: open, map and close a file of one
// page, by itself and with a load of its first byte, which adds a fault.
//
// Each library is used as its users use it. The alternatives read the file; the
// limit is open, fstat, mmap, munmap and close without anything around them.
// What every operation saw, the length or the first byte, is summed and checked.
func open() *harness.Comparison {
	const fileBytes, first = 4096, 'f'
	file := func(dir string) string { return filepath.Join(dir, "small") }
	prepare := func(dir string) error {
		return makeFile(file(dir), fileBytes, func(p []byte, _ int64) { p[0] = first })
	}
	contenders := func(touch bool, want int) (all []harness.Contender) {
		for _, library := range []*contender.Library{
			&contender.Filemap,
			&contender.ExpMmap, &contender.MmapGo, &contender.Ristretto, &contender.RistrettoSyncing, &contender.Prometheus,
			&contender.OSFile, &contender.OSReadFile,
			&contender.Raw,
		} {
			all = append(all, harness.Contender{
				Name: library.Name,
				Role: library.Role,
				New: func(dir string) (*harness.Task, error) {
					return opener(library, file(dir), touch, want), nil
				},
			})
		}
		return all
	}
	return &harness.Comparison{
		Name:  "open",
		About: "open + map + close of a 4 KB file, alone and with its first byte read",
		Cases: []harness.Case{
			{Name: "4KB", Unit: "ns/op", Better: harness.Lower, Prepare: prepare, Contenders: contenders(false, fileBytes)},
			{Name: "4KB/first-byte", Unit: "ns/op", Better: harness.Lower, Prepare: prepare, Contenders: contenders(true, first)},
		},
	}
}

func opener(library *contender.Library, path string, touch bool, want int) *harness.Task {
	sum := 0
	return &harness.Task{
		Before: func(int) error { sum = 0; return nil },
		Run: func(n int) error {
			for range n {
				seen, err := library.Once(path, touch)
				if err != nil {
					return err
				}
				sum += seen
			}
			return nil
		},
		Check: func(n int) error {
			if sum != n*want {
				return harness.Wrong("%d operations saw %d in all, not %d", n, sum, n*want)
			}
			return nil
		},
	}
}
