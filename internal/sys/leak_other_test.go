//go:build !windows

package sys

import "os"

func openHandles() int {
	for _, list := range []string{"/proc/self/fd", "/dev/fd"} {
		if names, err := os.ReadDir(list); err == nil {
			return len(names)
		}
	}
	return 0
}
