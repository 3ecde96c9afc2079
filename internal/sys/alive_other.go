//go:build !linux

package sys

// Alive tells whether there is a process of that number: nobody asks here.
func Alive(int) bool { return false }
