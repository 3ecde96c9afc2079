package comparison

import (
	"fmt"
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// mixed is outofmemory with writes: 4 KiB at random, read or written whole, by 64
// goroutines. What is written must leave memory by way of the file; that it is
// durable is not asked for. Everyone writes what was there, so that every read can
// be checked.
func mixed() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "mixed",
		About: "random reads and writes of 4 KiB in 1 GiB with 128 MiB of memory, 90/10 and 50/50",
	}
	for _, reads := range []int{90, 50} {
		w := workload{draw: drawUniform, goroutines: 64, readShare: float64(reads) / 100}
		c.Cases = append(c.Cases, harness.Case{
			Name: fmt.Sprintf("%d-%d", reads, 100-reads), Unit: "ns/op", Better: harness.Lower, Ops: 4000,
			Prepare: preparePaged, Timeout: 3 * time.Minute,
			Contenders: pagedContenders([]*contender.Library{
				pagerContender, &contender.MmapGoRandom, &contender.MmapGo, &contender.OSFile,
			}, w, map[*contender.Library]int{&contender.MmapGo: 32}),
		})
	}
	return c
}
