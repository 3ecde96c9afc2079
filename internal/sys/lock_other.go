//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package sys

func (f File) tryLock() error { return unsupported("a lock of a file that ends with its owner") }

func (f File) unlock() error { return nil }

func (f File) sameAs(string) (bool, error) { return false, unsupported("comparing files") }

// Names is [Unsupported].
func (f File) Names() (int, error) { return 0, unsupported("counting a file's names") }

// SameFile is [Unsupported].
func (f File) SameFile(File) (bool, error) { return false, unsupported("comparing files") }

// Identity is [Unsupported].
func (f File) Identity() (Identity, error) { return Identity{}, unsupported("a file's number") }
