//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package sys

// TryLock is [Unsupported].
func (f File) TryLock() error { return unsupported("a lock of a file that ends with its owner") }

// SameAs is [Unsupported].
func (f File) SameAs(string) (bool, error) { return false, unsupported("comparing files") }

// Identity is [Unsupported].
func (f File) Identity() (Identity, error) { return Identity{}, unsupported("a file's number") }
