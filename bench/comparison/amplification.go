package comparison

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"github.com/edsrzf/mmap-go"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/harness"
	"github.com/filemap-go/filemap/internal/sys"
)

// amplification is how much the device writes for how little was stored: 128
// stores of one byte, 1 MiB apart, then made durable. One operation is all of
// them; the value is the pages of 4 KiB that the device was given, for each page
// that was changed: 1 is the least.
//
// The file was written in pieces of 1 MiB, and is in memory ("warm"), in the folios
// that these made, or is not ("cold"), and then comes in those that readahead makes.
// Each file system is made in an image of its own, on a loop device, of which the
// kernel's statistics are read before the stores and after the sync; everything
// that waits to be written is written before. Afterwards the bytes are read back
// through a descriptor.
func amplification() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "amplification",
		About: "what the device writes for 128 one-byte stores, 1 MiB apart, made durable; ext4, XFS, btrfs",
	}
	for _, fs := range []string{"ext4", "xfs", "btrfs"} {
		for _, cold := range []bool{false, true} {
			c.Cases = append(c.Cases, amplifying{fs: fs, cold: cold}.newCase())
		}
	}
	return c
}

// amplifying is a case; prepared when its image is mounted.
type amplifying struct {
	fs   string
	cold bool
}

const (
	amplifiedStores = 128
	amplifiedStride = 1 << 20
	amplifiedAt     = 12_345 // of each stride
	pageOfDevice    = 4096
)

// sparseStorer is a contender that stores one byte at each of some places, and syncs.
type sparseStorer struct {
	name  string
	role  harness.Role
	store func(path string, value byte) error
}

func (a amplifying) newCase() harness.Case {
	var (
		on     *image
		failed error
	)
	name := a.fs + "/warm"
	if a.cold {
		name = a.fs + "/cold"
	}
	k := harness.Case{Name: name, Unit: "pages/page", Better: harness.Lower, Ops: 1}
	k.Prepare = func(dir string) error {
		dir = filepath.Join(dir, filepath.Base(name))
		if failed = os.MkdirAll(dir, 0o755); failed == nil {
			on, failed = mountImage(dir, a.fs, 512<<20)
		}
		if failed == nil {
			failed = makeFile(on.path("file"), amplifiedStores*amplifiedStride, pattern(0))
		}
		return nil // it is each contender's outcome
	}
	k.Finish = func(*harness.Document) {
		if on != nil {
			on.end()
		}
	}
	for _, s := range sparseStorers() {
		k.Contenders = append(k.Contenders, harness.Contender{Name: s.name, Role: s.role, New: func(string) (*harness.Task, error) {
			if failed != nil {
				return nil, failed
			}
			return a.newTask(on, s), nil
		}})
	}
	return k
}

func sparseStorers() []sparseStorer {
	return []sparseStorer{
		{"filemap Staged", harness.Ours, storeStaged},
		{"filemap shared", harness.Ours, storeShared},
		{"mmap-go", harness.Peer, storeMmapGo},
		{"pwrite, fdatasync", harness.Limit, storePwrite},
	}
}

func (a amplifying) newTask(on *image, s sparseStorer) *harness.Task {
	path, value := on.path("file"), byte(0)
	return &harness.Task{
		Before: func(int) error {
			if a.cold {
				if err := errors.Join(on.settle(), evictFile(path)); err != nil {
					return err
				}
			}
			return on.settle()
		},
		Measure: func(int) (float64, error) {
			before, err := on.written()
			if err != nil {
				return 0, err
			}
			value++
			if err := s.store(path, value); err != nil {
				return 0, err
			}
			after, err := on.written()
			return float64(after-before) / pageOfDevice / amplifiedStores, err
		},
		Check: func(int) error { return checkStored(path, value) },
	}
}

// evictFile has the kernel forget a file that nobody maps.
func evictFile(path string) error {
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Evict(), f.Close())
}

func checkStored(path string, value byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var b [8]byte
	for i := range int64(amplifiedStores) {
		if _, err := f.ReadAt(b[:], i*amplifiedStride+amplifiedAt); err != nil {
			return err
		}
		if b[0] != value {
			return harness.Wrong("%x at stride %d, %x was stored", binary.BigEndian.Uint64(b[:]), i, value)
		}
	}
	return nil
}

func storeEach(b []byte, value byte) {
	for at := amplifiedAt; at < len(b); at += amplifiedStride {
		b[at] = value
	}
}

func storeFilemap(path string, value byte, options ...filemap.Option) error {
	m, err := filemap.Open(path, options...)
	if err != nil {
		return err
	}
	storeEach(m.Bytes(), value)
	return errors.Join(m.Sync(), m.Close())
}

func storeStaged(path string, value byte) error {
	return storeFilemap(path, value, filemap.ReadWrite, filemap.Staged)
}

func storeShared(path string, value byte) error {
	return storeFilemap(path, value, filemap.ReadWrite)
}

func storeMmapGo(path string, value byte) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	m, err := mmap.Map(f, mmap.RDWR, 0)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	storeEach(m, value)
	return errors.Join(m.Flush(), m.Unmap(), f.Close())
}

func storePwrite(path string, value byte) error {
	f, err := sys.OpenFile(path, sys.Write, 0)
	if err != nil {
		return err
	}
	for i := range int64(amplifiedStores) {
		if _, err := f.WriteAt([]byte{value}, i*amplifiedStride+amplifiedAt); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.SyncData(), f.Close())
}
