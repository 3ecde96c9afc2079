package contender

import (
	"errors"
	"fmt"
	"os"

	"github.com/dgraph-io/ristretto/v2/z"
	"github.com/edsrzf/mmap-go"
	"github.com/prometheus/prometheus/tsdb/fileutil"
	expmmap "golang.org/x/exp/mmap"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/harness"
)

// Subject is a library as the comparisons use it that mistreat it: truncate its
// file, close it twice, use it afterwards.
type Subject struct {
	Name string
	Role harness.Role
	Open func(path string, write bool) (*Handle, error)
}

// Handle is one mapping of a Subject. What its functions return as an error is
// what the library has told its user.
type Handle struct {
	// Load copies len(p) bytes from off, by the library's ReadAt where it has
	// one, else from the slice that it handed out when the file was mapped: the
	// slice is kept, as users keep slices.
	Load func(p []byte, off int64) error

	// Store is the other direction.
	Store func(p []byte, off int64) error

	// Guard runs f under whatever the library has against faults in it, and Bare
	// is a Load that relies on that.
	Guard func(f func() error) error
	Bare  func(p []byte, off int64) error

	// Close is the library's documented way to end the mapping, Again the same
	// once more, by whoever else holds it.
	Close, Again func() error
}

// Subjects are filemap, by its methods and by its slice under a guard, and its peers.
func Subjects() []Subject {
	return []Subject{
		{"filemap", harness.Ours, openFilemapMethods},
		{"filemap guard", harness.Ours, openFilemapGuard},
		{MmapGo.Name, harness.Peer, openMmapGo},
		{ExpMmap.Name, harness.Peer, openExpMmap},
		{Ristretto.Name, harness.Peer, openRistretto},
		{Prometheus.Name, harness.Peer, openPrometheus},
	}
}

func unguarded(f func() error) error { return f() }

// ofSlice makes a Handle of what a library hands out.
func ofSlice(b []byte, shut func() error) *Handle {
	load := func(p []byte, off int64) error { copy(p, b[off:]); return nil }
	return &Handle{
		Load: load, Bare: load,
		Store: func(p []byte, off int64) error { copy(b[off:], p); return nil },
		Guard: unguarded, Close: shut, Again: shut,
	}
}

// ofMethods makes a Handle of a library that copies by methods.
func ofMethods(load, store func(p []byte, off int64) (int, error), shut func() error) *Handle {
	h := &Handle{
		Load:  func(p []byte, off int64) error { _, err := load(p, off); return err },
		Guard: unguarded, Close: shut, Again: shut,
	}
	h.Bare = h.Load
	if store != nil {
		h.Store = func(p []byte, off int64) error { _, err := store(p, off); return err }
	}
	return h
}

func filemapMode(write bool) filemap.Mode {
	if write {
		return filemap.ReadWrite
	}
	return filemap.ReadOnly
}

func openFilemapMethods(path string, write bool) (*Handle, error) {
	m, err := filemap.Open(path, filemapMode(write))
	if err != nil {
		return nil, err
	}
	return ofMethods(m.ReadAt, m.WriteAt, m.Close), nil
}

func openFilemapGuard(path string, write bool) (*Handle, error) {
	m, err := filemap.Open(path, filemapMode(write))
	if err != nil {
		return nil, err
	}
	h := ofSlice(m.Bytes(), m.Close)
	bareStore := h.Store
	h.Guard = m.Guard
	h.Load = func(p []byte, off int64) error { return m.Guard(func() error { return h.Bare(p, off) }) }
	h.Store = func(p []byte, off int64) error { return m.Guard(func() error { return bareStore(p, off) }) }
	return h, nil
}

// openMmapGo: an MMap is a slice with methods, so that whoever gets it as an
// argument has a copy with an Unmap of its own.
func openMmapGo(path string, write bool) (*Handle, error) {
	flag, prot := os.O_RDONLY, mmap.RDONLY
	if write {
		flag, prot = os.O_RDWR, mmap.RDWR
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	m, err := mmap.Map(f, prot, 0)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	held := m
	h := ofSlice(m, func() error { return errors.Join(m.Unmap(), f.Close()) })
	h.Again = held.Unmap
	return h, nil
}

func openExpMmap(path string, write bool) (*Handle, error) {
	if write {
		return nil, readOnly(ExpMmap.Name)
	}
	r, err := expmmap.Open(path)
	if err != nil {
		return nil, err
	}
	return ofMethods(r.ReadAt, nil, r.Close), nil
}

func openRistretto(path string, write bool) (*Handle, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	m, err := z.OpenMmapFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	return ofSlice(m.Data, func() error { return m.Close(-1) }), nil
}

func openPrometheus(path string, write bool) (*Handle, error) {
	if write {
		return nil, readOnly(Prometheus.Name)
	}
	m, err := fileutil.OpenMmapFile(path)
	if err != nil {
		return nil, err
	}
	return ofSlice(m.Bytes(), m.Close), nil
}

func readOnly(name string) error {
	return fmt.Errorf("%s only reads: %w", name, errors.ErrUnsupported)
}
