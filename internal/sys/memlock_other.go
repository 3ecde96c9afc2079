//go:build !linux

package sys

// MayLock cannot be tried here without doing it.
func MayLock(int64) error { return nil }

// LockLimit is not known here.
func LockLimit() (n int64, known bool) { return 0, false }
