package policy

// ghosts remembers the last pages that have left, so many of them, in the order
// of their leaving: a queue, and buckets to find them by. 20 bytes a page.
//
// Of a page only 32 bits of its hash are kept, so that one in four thousand
// million may be taken for another; it then begins in the wrong queue.
//
// A page that comes back is looked for before the one that leaves for it is
// remembered, as the papers have it. Here Victim comes before Added: so one more
// than capacity is remembered until Added has looked.
//
// Place 0 is not used. Places that are free are linked by next.
type ghosts struct {
	all         []ghost
	free        uint32
	front, back uint32 // the oldest and the newest
	length      int
	capacity    int
	buckets     []uint32
}

type ghost struct{ hash, chain, prev, next uint32 }

func newGhosts(capacity int) ghosts {
	capacity = max(capacity, 1)
	return ghosts{all: make([]ghost, 1, capacity+2), capacity: capacity, buckets: make([]uint32, capacity)}
}

func (g *ghosts) bucket(h uint32) *uint32 { return &g.buckets[scale(uint64(h)<<32, len(g.buckets))] }

// add remembers p, which has left.
func (g *ghosts) add(p Page) {
	for g.length > g.capacity {
		g.forget(g.front)
	}
	at := g.free
	if at != 0 {
		g.free = g.all[at].next
	} else {
		at = uint32(len(g.all))
		g.all = append(g.all, ghost{})
	}
	h := uint32(hash(p) >> 32)
	head := g.bucket(h)
	g.all[at] = ghost{hash: h, chain: *head, prev: g.back}
	*head = at
	if g.back != 0 {
		g.all[g.back].next = at
	} else {
		g.front = at
	}
	g.back = at
	g.length++
}

// take tells whether p, which has come, is remembered, and forgets it.
func (g *ghosts) take(p Page) bool {
	h := uint32(hash(p) >> 32)
	found := false
	for at := *g.bucket(h); at != 0 && !found; at = g.all[at].chain {
		if g.all[at].hash == h {
			g.forget(at)
			found = true
		}
	}
	for g.length > g.capacity {
		g.forget(g.front)
	}
	return found
}

func (g *ghosts) forget(at uint32) {
	it := g.all[at]
	link := g.bucket(it.hash)
	for *link != at {
		link = &g.all[*link].chain
	}
	*link = it.chain
	if it.prev != 0 {
		g.all[it.prev].next = it.next
	} else {
		g.front = it.next
	}
	if it.next != 0 {
		g.all[it.next].prev = it.prev
	} else {
		g.back = it.prev
	}
	g.all[at] = ghost{next: g.free}
	g.free = at
	g.length--
}
