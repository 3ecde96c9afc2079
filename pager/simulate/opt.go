package simulate

import (
	"container/heap"
	"context"
	"math"
)

// OPT: the page that is needed again last leaves. It knows the future, so that no
// policy can have fewer misses: the floor of every curve.
//
// L. A. Belady: A Study of Replacement Algorithms for a Virtual-Storage Computer.
// IBM Systems Journal 5(2), 1966. https://doi.org/10.1147/sj.52.0078

// never is when a page is accessed next that is not accessed again.
const never = math.MaxUint32

// nextUses says for each access when its page is accessed next.
func nextUses(t *Trace) []uint32 {
	next := make([]uint32, len(t.Pages))
	seen := make([]uint32, len(t.Names))
	for i := range seen {
		seen[i] = never
	}
	for i := len(t.Pages) - 1; i >= 0; i-- {
		page := t.Pages[i]
		next[i] = seen[page]
		seen[page] = uint32(i)
	}
	return next
}

// optMisses counts the misses of OPT with that many frames. Of each resident
// page the heap has the time of its next access; entries whose time has passed
// belong to pages that have been accessed since, and are dropped as they come up.
func optMisses(ctx context.Context, t *Trace, next []uint32, frames int) (int, error) {
	due := make([]uint32, len(t.Names)) // when a resident page is accessed next
	resident := make([]bool, len(t.Names))
	var queue latest
	misses, count := 0, 0
	for i, page := range t.Pages {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if !resident[page] {
			misses++
			if count == frames {
				victim := queue.top(resident, due)
				resident[victim] = false
				count--
			}
			resident[page] = true
			count++
		}
		due[page] = next[i]
		heap.Push(&queue, use{next[i], page})
		if len(queue) > 2*frames+1024 {
			queue.clean(resident, due)
		}
	}
	return misses, nil
}

type use struct{ at, page uint32 }

// latest is a heap with the latest use on top.
type latest []use

func (q latest) Len() int           { return len(q) }
func (q latest) Less(i, j int) bool { return q[i].at > q[j].at }
func (q latest) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *latest) Push(x any)        { *q = append(*q, x.(use)) }
func (q *latest) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// top takes out the resident page that is due last.
func (q *latest) top(resident []bool, due []uint32) uint32 {
	for {
		u := heap.Pop(q).(use)
		if resident[u.page] && due[u.page] == u.at {
			return u.page
		}
	}
}

// clean drops the entries that no longer hold.
func (q *latest) clean(resident []bool, due []uint32) {
	kept := (*q)[:0]
	for _, u := range *q {
		if resident[u.page] && due[u.page] == u.at {
			kept = append(kept, u)
		}
	}
	*q = kept
	heap.Init(q)
}
