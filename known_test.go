package filemap

import (
	"testing"

	"pgregory.net/rapid"
)

// TestKnownModel holds the packed words against a set of pages.
func TestKnownModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pages := rapid.IntRange(1, 200).Draw(t, "pages")
		k, model := newKnown(pages), map[int]bool{}
		draw := func() (int, int) {
			first := rapid.IntRange(0, pages-1).Draw(t, "first")
			return first, rapid.IntRange(first, pages-1).Draw(t, "last")
		}
		t.Repeat(map[string]func(*rapid.T){
			"learn": func(*rapid.T) {
				first, last := draw()
				k.learn(first, last)
				for i := first; i <= last; i++ {
					model[i] = true
				}
			},
			"forget": func(t *rapid.T) {
				if rapid.IntRange(0, 5).Draw(t, "seldom") == 0 {
					k.forget()
					clear(model)
				}
			},
			"": func(t *rapid.T) {
				first, last := draw()
				want := true
				for i := first; i <= last; i++ {
					want = want && model[i]
				}
				if got := k.has(first, last); got != want {
					t.Fatalf("has(%d, %d) = %v, want %v", first, last, got, want)
				}
			},
		})
	})
}

func TestManyColdReadsForget(t *testing.T) {
	k := newKnown(10)
	k.learn(0, 9)
	for range coldReads - 1 {
		k.wasCold()
	}
	if !k.has(0, 9) {
		t.Error("forgot too early")
	}
	k.wasCold()
	if k.has(0, 0) {
		t.Error("did not forget")
	}
}
