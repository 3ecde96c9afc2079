package sys

import "testing"

// What is decommitted is gone, what lies between stays, and both can be used.
func TestDecommit(t *testing.T) {
	var regions [2]Region
	for i := range regions {
		r, err := MapAnonymous(200*PageSize, ProtRead|ProtWrite, false)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Release() }()
		for j := range r.Bytes() {
			r.Bytes()[j] = 1
		}
		regions[i] = r
	}
	var ranges []Range
	for i := 0; i < 200; i += 2 {
		ranges = append(ranges, Range{regions[i/2%2], i * PageSize, PageSize})
	}
	for _, refused := range []bool{false, true} {
		if refused && noBatches != nil {
			noBatches()
		}
		if err := Decommit(ranges); err != nil {
			t.Fatal(err)
		}
		for i, r := range regions {
			b := r.Bytes()
			for page := range 200 {
				want := byte(1)
				if page%2 == 0 && page/2%2 == i {
					want = 0
				}
				if page%2 == 0 && want == 0 && !decommitZeroes {
					continue
				}
				if b[page*PageSize] != want || b[(page+1)*PageSize-1] != want {
					t.Fatalf("region %d, page %d is %d, expected %d", i, page, b[page*PageSize], want)
				}
			}
		}
		for _, r := range ranges {
			r.Region.Bytes()[r.Off] = 1
		}
	}
}
