//go:build !linux

package sys

// NoCopyOnWrite is [Unsupported].
func (f File) NoCopyOnWrite() error { return unsupported("writing a file in its place") }
