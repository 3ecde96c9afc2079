// Package halfopen prints ranges of bytes as all errors of the module do.
package halfopen

import (
	"fmt"
	"math"
)

// String is "[4096, 8192)" for the 4096 bytes from 4096. What is no range, for its
// end is beyond all numbers or before its beginning, is "[4096, +-1)": the numbers
// that were asked for.
func String(offset, length int64) string {
	if length < 0 || offset > math.MaxInt64-length {
		return fmt.Sprintf("[%d, +%d)", offset, length)
	}
	return fmt.Sprintf("[%d, %d)", offset, offset+length)
}
