package comparison

import (
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// scan reads the file of outofmemory from begin to end, over and over, 64 KiB at a
// time, by one goroutine: what counts is how well the next pages are read ahead.
// A run goes on where the last has ended. fio has 32 such reads at the device at a
// time.
func scan() *harness.Comparison {
	const block = 16 // pages
	fio := fioContender(fioJob{pattern: "read", block: block * readBytes, depth: 32})
	return &harness.Comparison{
		Name:  "scan",
		About: "reads in order, 64 KiB at a time, from 1 GiB with 128 MiB of memory: readahead",
		Cases: []harness.Case{{
			Name: "1GiB", Unit: "ns/64KiB", Better: harness.Lower, Ops: 2048,
			Prepare: preparePaged, Timeout: 3 * time.Minute,
			Contenders: append(pagedContenders([]*contender.Library{
				pagerContender, &contender.MmapGo, &contender.ExpMmap, &contender.OSFile,
			}, workload{goroutines: 1, pages: block}, nil), fio),
		}},
	}
}
