//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

func (f File) tryLock() error { return f.flock() }

func (f File) unlock() error { return f.funlock() }
