//go:build !linux

package sys

// Evict is unsupported: there is no call that drops a file's pages from memory.
func (f File) Evict() error { return unsupported("dropping a file from memory") }

// SyncData is Sync: there is no call for the data alone that all of these
// systems have.
func (f File) SyncData() error { return f.Sync() }
