package comparison

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// zipf is outofmemory with hot and cold pages: page k of a shuffled order is read
// as often as 1/k^0.99, so that who keeps the right pages reads less. Two figures
// of the same runs: the time of a read, and how many pages the device read for it,
// which is 1 - the hit ratio where nothing is read ahead.
func zipf() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "zipf",
		About: "reads of 4 KiB from hot and cold pages of 1 GiB with 128 MiB of memory: time, and pages read from the device",
	}
	w := workload{draw: drawZipf, goroutines: 64}
	libraries := []*contender.Library{pagerContender}
	for _, policy := range []string{"sieve", "s3-fifo", "2q", "lru"} {
		libraries = append(libraries, contender.Pager("pager, "+policy, pagedBudget, policy))
	}
	libraries = append(libraries, &contender.MmapGoRandom, &contender.MmapGo, &contender.OSFile)
	slow := map[*contender.Library]int{&contender.MmapGo: 64}
	time := harness.Case{
		Name: "time", Unit: "ns/op", Better: harness.Lower, Ops: 16_000,
		Prepare: preparePaged, Timeout: 3 * time.Minute, Contenders: pagedContenders(libraries, w, slow),
	}
	misses := time
	misses.Name, misses.Unit = "misses", "device pages/op"
	misses.Contenders = slices.Clone(time.Contenders)
	for i := range misses.Contenders {
		open := misses.Contenders[i].New
		misses.Contenders[i].New = func(dir string) (*harness.Task, error) { return countingPages(open(dir)) }
	}
	c.Cases = []harness.Case{time, misses}
	return c
}

// countingPages makes a task measure what the device reads, instead of the time.
func countingPages(t *harness.Task, err error) (*harness.Task, error) {
	if err != nil {
		return nil, err
	}
	run := t.Run
	t.Run = nil
	t.Measure = func(n int) (float64, error) {
		before, err := deviceReadBytes()
		if err != nil {
			return 0, err
		}
		if err := run(n); err != nil {
			return 0, err
		}
		after, err := deviceReadBytes()
		if err != nil {
			return 0, fmt.Errorf("after the run: %w", err)
		}
		return float64(after-before) / readBytes / float64(n), nil
	}
	return t, nil
}

const zipfSkew = 0.99

var zipfTable = sync.OnceValue(func() (table struct {
	sum   []float64
	order []int
},
) {
	table.sum = make([]float64, 1<<pagedBits)
	total := 0.0
	for k := range table.sum {
		total += math.Pow(float64(k+1), -zipfSkew)
		table.sum[k] = total
	}
	table.order = rand.New(rand.NewPCG(7, 7)).Perm(1 << pagedBits)
	return table
})

// drawZipf chooses hot pages more often than cold ones.
func drawZipf(r *rand.Rand) int64 {
	t := zipfTable()
	at, _ := slices.BinarySearch(t.sum, r.Float64()*t.sum[len(t.sum)-1])
	return int64(t.order[min(at, len(t.order)-1)])
}
