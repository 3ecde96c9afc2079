//go:build !linux

package sys

// Layer is for overlayfs: elsewhere what is behind a descriptor stays.
func (f File) Layer() (id Identity, layered bool) { return Identity{}, false }
