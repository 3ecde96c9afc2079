//go:build !linux

package observe

import (
	"os"
)

const nonBlocking = 0

func readOnce(f *os.File, into []byte) (int, error) { return f.Read(into) }
