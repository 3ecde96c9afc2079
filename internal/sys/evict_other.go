//go:build !linux

package sys

// Evict is unsupported: there is no call that drops a file's pages from memory.
func (f File) Evict() error { return unsupported("dropping a file from memory") }

// StartReading is unsupported: nothing here begins a read without waiting for it.
func (f File) StartReading(int64, int64) error { return unsupported("reading ahead") }

// SyncData is Sync: there is no call for the data alone that all of these
// systems have.
func (f File) SyncData() error { return f.Sync() }

// Clean writes the file's dirty pages.
func (f File) Clean() error { return f.Sync() }
