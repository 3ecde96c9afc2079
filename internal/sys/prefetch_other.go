//go:build !amd64 && !arm64

package sys

// Prefetch does nothing here.
func Prefetch([]byte) {}
