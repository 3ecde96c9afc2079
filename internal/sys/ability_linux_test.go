package sys

import (
	"errors"
	"testing"
)

// What the tests of this module use is there, and trying leaves nothing open.
func TestAble(t *testing.T) {
	for a := AbleCachestat; a <= AbleTracefs; a++ {
		_ = Able(a) // with which the runtime opens what it polls by
	}
	before := openHandles()
	for a := AbleCachestat; a <= AbleTracefs; a++ {
		if err := Able(a); err != nil {
			t.Logf("ability %d: %v", a, err)
		}
	}
	if after := openHandles(); after > before {
		t.Errorf("%d handles before, %d after", before, after)
	}
	r, err := MapAnonymous(PageSize, ProtRead, false)
	must(t, err)
	populate := r.Advise(PopulateRead, 0, PageSize)
	must(t, r.Release())
	if able := Able(AblePopulate); (populate == nil) != (able == nil) {
		t.Errorf("populating says %v, trying it %v", populate, able)
	}
	f, err := OpenFile("/proc/self/exe", 0, 0)
	must(t, err)
	defer f.Close()
	_, stat := f.CacheStat(0, 1)
	if able := Able(AbleCachestat); errors.Is(stat, errors.ErrUnsupported) != errors.Is(able, errors.ErrUnsupported) {
		t.Errorf("cachestat says %v, trying it %v", stat, able)
	}
}
