package policy

// ghosts remembers the last pages that have left, so many of them, in the order
// of their leaving: a ring, and buckets to find them by. 12 bytes a page.
//
// Of a page only 32 bits of its hash are kept, so that one in four thousand
// million may be taken for another; it then begins in the wrong queue.
//
// Place 0 of the ring is not used. A page that came back leaves a gap, which
// counts as one of the remembered until the ring has come round to it.
type ghosts struct {
	ring    []ghost
	next    uint32
	buckets []uint32
}

type ghost struct{ hash, chain uint32 }

// gone is the chain of a gap. No place has this number.
const gone = 1<<32 - 1

func newGhosts(capacity int) ghosts {
	capacity = max(capacity, 1)
	g := ghosts{ring: make([]ghost, 1, capacity+1), next: 1, buckets: make([]uint32, capacity)}
	return g
}

func (g *ghosts) bucket(h uint32) *uint32 { return &g.buckets[scale(uint64(h)<<32, len(g.buckets))] }

// add remembers p, in the place of the oldest once there are so many.
func (g *ghosts) add(p Page) {
	at := g.next
	if int(at) == len(g.ring) {
		g.ring = append(g.ring, ghost{})
	} else if g.ring[at].chain != gone {
		g.forget(at)
	}
	h := uint32(hash(p) >> 32)
	head := g.bucket(h)
	g.ring[at] = ghost{hash: h, chain: *head}
	*head = at
	if g.next++; int(g.next) > len(g.buckets) {
		g.next = 1
	}
}

// take tells whether p is remembered, and forgets it.
func (g *ghosts) take(p Page) bool {
	h := uint32(hash(p) >> 32)
	for at := *g.bucket(h); at != 0; at = g.ring[at].chain {
		if g.ring[at].hash == h {
			g.forget(at)
			return true
		}
	}
	return false
}

func (g *ghosts) forget(at uint32) {
	link := g.bucket(g.ring[at].hash)
	for *link != at {
		link = &g.ring[*link].chain
	}
	*link = g.ring[at].chain
	g.ring[at].chain = gone
}
