package comparison

import (
	"fmt"
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// outofmemory reads 4 KiB at random from a file that is eight times as large as
// the memory (paged.go tells what memory): one read in eight finds its page there.
// The time of a run is shared out among its reads, by however many goroutines.
//
// Without advice the kernel reads megabytes around each fault: such contenders do
// few reads, since each takes so long. fio is what the device does with as many
// reads at a time as there are goroutines, at most 32.
func outofmemory() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "outofmemory",
		About: "random reads of 4 KiB from 1 GiB with 128 MiB of memory: the pager against kernel mappings, pread, bbolt and the device",
	}
	for _, k := range []struct{ goroutines, ops int }{{1, 1000}, {8, 4000}, {64, 8000}} {
		w := workload{draw: drawUniform, goroutines: k.goroutines}
		c.Cases = append(c.Cases, harness.Case{
			Name: fmt.Sprintf("1GiB/%d", k.goroutines), Unit: "ns/op", Better: harness.Lower, Ops: k.ops,
			Prepare: preparePaged, Timeout: 3 * time.Minute,
			Contenders: append(pagedContenders([]*contender.Library{
				pagerContender, &contender.MmapGoRandom, &contender.MmapGo, &contender.ExpMmap, &contender.OSFile, &contender.Bbolt,
			}, w, map[*contender.Library]int{&contender.MmapGo: 32, &contender.ExpMmap: 32}),
				fioContender(fioJob{pattern: "randread", block: readBytes, depth: min(k.goroutines, 32)})),
		})
	}
	return c
}
