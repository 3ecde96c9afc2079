package halfopen_test

import (
	"math"
	"testing"

	"github.com/filemap-go/filemap/internal/halfopen"
)

func TestString(t *testing.T) {
	for _, c := range []struct {
		offset, length int64
		want           string
	}{
		{4096, 4096, "[4096, 8192)"},
		{0, 0, "[0, 0)"},
		{-8, 8, "[-8, 0)"},
		{math.MaxInt64 - 1, 1, "[9223372036854775806, 9223372036854775807)"},
		{math.MaxInt64, 8, "[9223372036854775807, +8)"},
		{5, -1, "[5, +-1)"},
		{math.MinInt64, math.MinInt64, "[-9223372036854775808, +-9223372036854775808)"},
	} {
		if got := halfopen.String(c.offset, c.length); got != c.want {
			t.Errorf("%d, %d: %s, want %s", c.offset, c.length, got, c.want)
		}
	}
}
