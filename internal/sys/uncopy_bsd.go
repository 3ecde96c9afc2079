//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

// uncopy does nothing: only Linux copies pages because they are locked.
func (Region) uncopy() {}
