package policy_test

import (
	"fmt"
	"testing"

	"github.com/filemap-go/filemap/pager/policy"
)

// TestByHand: what leaves, worked out with paper and pencil by the definitions
// that the policies' files name.
func TestByHand(t *testing.T) {
	upTo := func(last policy.Page, times int) (list []policy.Page) {
		for page := policy.Page(1); page <= last; page++ {
			for range times {
				list = append(list, page)
			}
		}
		return list
	}
	for _, c := range []struct {
		name, policy string
		frames       int
		trace, left  []policy.Page
	}{
		{
			// Kin is 1, Kout 2. 2 and then 1 come back while their names are remembered: the
			// name that was taken out makes room for another.
			"2q: names that came back do not count", "2q", 4,
			[]policy.Page{1, 2, 3, 4, 5, 6, 2, 1, 7, 8, 4, 6, 9},
			[]policy.Page{1, 2, 3, 4, 5, 6, 7, 8, 2},
		},
		{
			// Page 2 is the older of two names when the page that leaves for it is noted.
			"2q: a page is looked for before another is remembered", "2q", 4,
			[]policy.Page{1, 2, 3, 4, 5, 6, 7, 2, 8, 9, 10, 11},
			[]policy.Page{1, 2, 3, 4, 5, 6, 7, 8},
		},
		{
			// The small queue has 1 page, 9 names are remembered. 1 moves to main by two
			// uses, 2 leaves in spite of one, and comes back to main.
			"s3-fifo: two uses, a ghost, counts in main", "s3-fifo", 10,
			append(append(upTo(10, 1), 1, 1, 2, 11, 2),
				4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 13, 2, 2, 14, 13, 15),
			[]policy.Page{2, 3, 1, 12, 13, 14, 4},
		},
		{
			// The small queue has 2 pages. All but the last of it have their uses: that one
			// leaves, although the queue has become shorter than that on the way.
			"s3-fifo: the small queue loses a page if it has one to lose", "s3-fifo", 20,
			append(append(upTo(20, 1), upTo(19, 2)...), 21, 22, 20),
			[]policy.Page{20, 1, 21},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			left, _, err := run(newPolicy(t, c.policy, c.frames), c.frames, c.trace)
			if err != nil || fmt.Sprint(left) != fmt.Sprint(c.left) {
				t.Errorf("left %v, expected %v: %v", left, c.left, err)
			}
		})
	}
}
