//go:build !race

package sys

import "sync/atomic"

// Word is eight bytes of a mapping.
type Word struct{ atomic.Uint64 }
