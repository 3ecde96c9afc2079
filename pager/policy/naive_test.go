package policy_test

import (
	"slices"

	"github.com/filemap-go/filemap/pager/policy"
)

// The algorithms as their papers tell them, on slices, oldest first, without a
// thought for cost: what the real ones are compared with.
var naives = map[string]func(frames int, trace []policy.Page) []policy.Page{
	"fifo": naiveFIFO, "lru": naiveLRU, "clock": naiveClock, "sieve": naiveSieve, "s3-fifo": naiveS3FIFO, "2q": naive2Q,
}

type pages = []policy.Page

func without(list pages, page policy.Page) pages {
	return slices.DeleteFunc(list, func(p policy.Page) bool { return p == page })
}

func naiveFIFO(frames int, trace pages) (left pages) {
	var queue pages
	for _, page := range trace {
		if slices.Contains(queue, page) {
			continue
		}
		if len(queue) == frames {
			left = append(left, queue[0])
			queue = queue[1:]
		}
		queue = append(queue, page)
	}
	return left
}

func naiveLRU(frames int, trace pages) (left pages) {
	var order pages
	for _, page := range trace {
		if slices.Contains(order, page) {
			order = append(without(order, page), page)
			continue
		}
		if len(order) == frames {
			left = append(left, order[0])
			order = order[1:]
		}
		order = append(order, page)
	}
	return left
}

// A circle of frames with a hand, as in the textbooks.
func naiveClock(frames int, trace pages) (left pages) {
	var circle pages
	used := map[policy.Page]bool{}
	hand := 0
	for _, page := range trace {
		switch {
		case slices.Contains(circle, page):
			used[page] = true
		case len(circle) < frames:
			circle = append(circle, page)
		default:
			for used[circle[hand]] {
				used[circle[hand]] = false
				hand = (hand + 1) % frames
			}
			left = append(left, circle[hand])
			circle[hand] = page
			hand = (hand + 1) % frames
		}
	}
	return left
}

func naiveSieve(frames int, trace pages) (left pages) {
	var queue pages
	visited := map[policy.Page]bool{}
	hand := 0 // len(queue): begin again
	for _, page := range trace {
		if slices.Contains(queue, page) {
			visited[page] = true
			continue
		}
		if len(queue) == frames {
			for {
				if hand == len(queue) {
					hand = 0
				}
				if !visited[queue[hand]] {
					break
				}
				visited[queue[hand]] = false
				hand++
			}
			left = append(left, queue[hand])
			wraps := hand == len(queue)-1
			queue = slices.Delete(queue, hand, hand+1)
			if wraps {
				hand = 0
			}
		}
		queue = append(queue, page)
	}
	return left
}

// recall takes page out of the last size pages of ghost, should it be there. Only
// then is the page that leaves for it remembered.
func recall(ghost pages, size int, page policy.Page) (rest pages, found bool) {
	ghost = ghost[max(len(ghost)-size, 0):]
	found = slices.Contains(ghost, page)
	return without(ghost, page), found
}

func naiveS3FIFO(frames int, trace pages) (left pages) {
	var small, main, ghost pages
	count := map[policy.Page]int{}
	smallSize := max(frames/10, 1)
	ghostSize := max(frames*9/10, 1)
	evictSmall := func() (policy.Page, bool) {
		for len(small) > 0 {
			page := small[0]
			small = small[1:]
			if count[page] < 2 {
				ghost = append(ghost, page)
				return page, true
			}
			count[page] = 0
			main = append(main, page)
		}
		return 0, false
	}
	evictMain := func() policy.Page {
		for {
			page := main[0]
			main = main[1:]
			if count[page] == 0 {
				return page
			}
			count[page]--
			main = append(main, page)
		}
	}
	for _, page := range trace {
		if slices.Contains(small, page) || slices.Contains(main, page) {
			count[page] = min(count[page]+1, 3)
			continue
		}
		var back bool
		ghost, back = recall(ghost, ghostSize, page)
		if len(small)+len(main) == frames {
			gone, ok := policy.Page(0), false
			if len(small) >= smallSize {
				gone, ok = evictSmall()
			}
			if !ok {
				gone = evictMain()
			}
			left = append(left, gone)
		}
		count[page] = 0
		if back {
			main = append(main, page)
		} else {
			small = append(small, page)
		}
	}
	return left
}

func naive2Q(frames int, trace pages) (left pages) {
	var in, am, out pages
	inSize, outSize := max(frames/4, 1), max(frames/2, 1)
	for _, page := range trace {
		if slices.Contains(in, page) {
			continue
		}
		if slices.Contains(am, page) {
			am = append(without(am, page), page)
			continue
		}
		var back bool
		out, back = recall(out, outSize, page)
		if len(in)+len(am) == frames {
			if len(in) > inSize || len(am) == 0 {
				left, out = append(left, in[0]), append(out, in[0])
				in = in[1:]
			} else {
				left, am = append(left, am[0]), am[1:]
			}
		}
		if back {
			am = append(am, page)
		} else {
			in = append(in, page)
		}
	}
	return left
}
