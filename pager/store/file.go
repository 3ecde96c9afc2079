package store

import (
	"errors"
	"io"
	"sync"

	"github.com/filemap-go/filemap/internal/sys"
)

// Options say how [Open] opens a file. The zero Options open an existing one for
// reading.
type Options struct {
	// Write allows WriteAt. A write behind the end makes the file longer.
	Write bool

	// Create makes the file if it is missing; with Write only.
	Create bool

	// Size, unless 0, is the size that the file gets; with Write only.
	Size int64

	// Buffered goes through the kernel's page cache. Without it the file is
	// opened for direct I/O where the system and the file system have that, so
	// that a page is in memory once, in the pager, and not twice.
	Buffered bool
}

// File is a store in a local file. It is safe for concurrent use.
type File struct {
	path     string
	writable bool

	// mu is held shared by everything that uses file, alone by Close.
	mu     sync.RWMutex
	file   sys.File
	closed bool
}

// Open opens the file at path as a store (open(2)).
func Open(path string, o Options) (*File, error) {
	var flag sys.OpenFlag
	if o.Write {
		flag |= sys.Write
	}
	if o.Create {
		flag |= sys.Create
	}
	f := &File{path: path, writable: o.Write}
	var err error
	if (o.Create || o.Size != 0) && !o.Write {
		return nil, f.fail("open", 0, 0, errors.New("Create and Size need Write"))
	}
	if o.Size < 0 {
		return nil, f.fail("open", 0, 0, ErrBounds)
	}
	if f.file, err = sys.OpenFile(path, flag, 0o644); err != nil {
		return nil, f.fail("open", 0, 0, err)
	}
	if err := f.prepare(o); err != nil {
		return nil, f.fail("open", 0, 0, errors.Join(err, f.file.Close()))
	}
	return f, nil
}

func (f *File) prepare(o Options) error {
	st, err := f.file.Stat()
	if err != nil {
		return err
	}
	if st.Kind != sys.Regular {
		return ErrNotRegular
	}
	if o.Size != 0 && o.Size != st.Size {
		return f.file.Truncate(o.Size)
	}
	return nil
}

// Path is the path that the file was opened with.
func (f *File) Path() string { return f.path }

// ReadAt reads len(p) bytes at off (pread(2)).
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.check(off); err != nil {
		return 0, f.fail("read", off, len(p), err)
	}
	n, err := f.file.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = f.fail("read", off, len(p), err)
	}
	return n, err
}

// WriteAt writes p at off (pwrite(2)).
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	err := f.check(off)
	if err == nil && !f.writable {
		err = ErrReadOnly
	}
	n := 0
	if err == nil {
		n, err = f.file.WriteAt(p, off)
	}
	if err != nil {
		return n, f.fail("write", off, len(p), err)
	}
	return n, nil
}

// Size is the file's length in bytes (fstat(2)).
func (f *File) Size() (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return 0, f.fail("size", 0, 0, ErrClosed)
	}
	st, err := f.file.Stat()
	if err != nil {
		return 0, f.fail("size", 0, 0, err)
	}
	return st.Size, nil
}

// Sync makes what was written durable (fsync(2)).
func (f *File) Sync() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return f.fail("sync", 0, 0, ErrClosed)
	}
	if err := f.file.Sync(); err != nil {
		return f.fail("sync", 0, 0, err)
	}
	return nil
}

// Close ends the store. It waits for calls that are under way; later ones fail
// with ErrClosed, as does a second Close.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("close", 0, 0, ErrClosed)
	}
	f.closed = true
	if err := f.file.Close(); err != nil {
		return f.fail("close", 0, 0, err)
	}
	return nil
}

func (f *File) check(off int64) error {
	switch {
	case f.closed:
		return ErrClosed
	case off < 0:
		return ErrBounds
	}
	return nil
}

func (f *File) fail(op string, off int64, n int, err error) error {
	return &Error{Op: op, Path: f.path, Offset: off, Length: int64(n), Err: err}
}
