//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly)

package sys

// SpaceTrouble tells whether a page has no block because the device is full. Windows
// gives a block to whatever can be stored to, and elsewhere nothing is mapped.
func (f File) SpaceTrouble(_ int64) error {
	return nil
}
