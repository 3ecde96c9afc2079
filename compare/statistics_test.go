package compare

import (
	"math"
	"testing"
)

func TestInterval(t *testing.T) {
	median, low, high := interval([]float64{3, 1, 2})
	if median != 2 || low != 1 || high != 3 {
		t.Errorf("%v [%v, %v]: of three samples the interval is their range", median, low, high)
	}
	many := make([]float64, 101)
	for i := range many {
		many[i] = float64(i)
	}
	median, low, high = interval(many)
	if median != 50 || low < 35 || low >= 50 || high <= 50 || high > 65 {
		t.Errorf("%v [%v, %v] of 0…100", median, low, high)
	}
	if median, low, high = interval(nil); median != 0 || low != 0 || high != 0 {
		t.Errorf("%v [%v, %v] of nothing", median, low, high)
	}
}

func TestDiffer(t *testing.T) {
	low, high := []float64{1, 2, 3, 4, 5, 6}, []float64{11, 12, 13, 14, 15, 16}
	if significant, p := differ(low, high); !significant || p > 0.05 {
		t.Errorf("%v %v", significant, p)
	}
	if significant, _ := differ(low, low); significant {
		t.Error("the same samples differ")
	}
	if significant, p := differ(nil, low); significant || math.IsNaN(p) {
		t.Errorf("nothing differs from something: p = %v", p)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{4, 1, 3, 2, 5}
	for q, want := range map[float64]float64{0: 1, 0.5: 3, 0.25: 2, 1: 5, 0.875: 4.5} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, expected %v", q, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("of nothing")
	}
}
