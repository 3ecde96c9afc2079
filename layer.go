package filemap

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// On overlayfs a file of a lower layer is copied to the upper one when somebody opens
// it for writing. A mapping made before shows the original for ever; a descriptor
// shows the copy, fstat(2) its length:
//
//	   mapping ──► lower inode     before and after
//	descriptor ──► lower inode     before
//	descriptor ──► upper inode     after
//
// What is about the one and asks the other is wrong then. layer is what a Map keeps to
// notice. A file opened for writing is in the upper layer from the start.
type layer struct {
	on   bool // of a mapping made with a descriptor for reading, on such a file system
	id   sys.Identity
	gone atomic.Bool // the copy was made: it is never undone
}

// settle opens f once more until nothing was copied between the open and a look at
// what is behind it: a descriptor that was opened before the copy maps the original.
func (c *config) settle(f sys.File) (sys.File, error) {
	id, layered := f.Layer()
	for layered {
		again, err := f.Reopen()
		if err != nil { // without /proc: as it is
			break
		}
		if err := f.Close(); err != nil {
			return again, err
		}
		f = again
		before := id
		if id, layered = f.Layer(); id == before {
			break
		}
	}
	c.layered, c.layer = layered, id
	return f, nil
}

// replaced is an [ErrReplaced] when the file was copied since it was mapped. m.mu is
// held, or nobody else has the Map yet.
func (m *Map) replaced() error {
	if !m.layer.on {
		return nil
	}
	if !m.layer.gone.Load() {
		if id, layered := m.file.Layer(); !layered || id == m.layer.id {
			return nil
		}
		m.layer.gone.Store(true)
	}
	return fmt.Errorf("%w: overlayfs has copied it to the upper layer, for somebody opened it for writing", ErrReplaced)
}

// mapLayer maps f, and lets the mapping go again if the file was copied meanwhile.
func (m *Map) mapLayer(c *config, offset int64, n int) (sys.Region, error) {
	region, err := sys.MapFile(m.file, offset, n, c.prot(), c.sharing())
	if err != nil {
		return region, err
	}
	m.layer.on, m.layer.id = c.layered, c.layer
	if err := m.replaced(); err != nil {
		return sys.Region{}, errors.Join(err, region.Release())
	}
	return region, nil
}
