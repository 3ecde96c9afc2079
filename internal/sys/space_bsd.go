//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// SpaceTrouble tells whether the device has nothing left for a page that has no block
// yet. It cannot ask for the page's block: it looks at what is left.
func (f File) SpaceTrouble(_ int64) error {
	if left, err := f.spaceLeft(); err == nil && left <= 0 {
		return unix.ENOSPC
	}
	return nil
}
