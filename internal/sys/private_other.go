//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly)

package sys

import "os"

// PrivateTo is true: a mode says nothing here, and a user's temporary directory is
// the user's own.
func PrivateTo(os.FileInfo, int) bool { return true }

// NotDirectory is false: such a path does not exist.
func NotDirectory(error) bool { return false }
