package store

import (
	"errors"
	"fmt"
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
	// opened for direct I/O (O_DIRECT) where the system and the file system have
	// that, so that a page is in memory once, in the pager, and not twice: on
	// Linux, and not on every file system. See [File.Direct].
	Buffered bool

	// NoRing keeps direct I/O to pread(2) and pwrite(2), without io_uring(7).
	NoRing bool
}

// File is a store in a local file. It is safe for concurrent use.
//
// With direct I/O a transfer that is aligned goes to the device by itself, one
// that is not (the last page of a file of odd length) through a second descriptor
// and the page cache, which the kernel keeps consistent with the device. While
// several transfers are under way they go through an io_uring(7) where there is
// one, so that as many are at the device and no thread waits; else each is a
// pread(2) or pwrite(2).
type File struct {
	path     string
	writable bool

	// syncing is held by the one Sync, so that none that ends later misses an error
	// that the system reports once.
	syncing sync.Mutex
	failed  error // of the first Sync that failed

	// mu is held shared by everything that uses the descriptors, alone by Close.
	mu     sync.RWMutex
	closed bool
	file   sys.File // through the page cache
	direct sys.File // by it; none without direct I/O
	align  sys.Alignment
	noRing bool
	lane   lane
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
	f := &File{path: path, writable: o.Write, noRing: o.NoRing}
	var err error
	if (o.Create || o.Size != 0) && !o.Write {
		return nil, f.fail("open", 0, 0, errors.New("options Create and Size need Write"))
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
	if o.Write {
		if err := f.file.Fixed(sys.Stores); err != nil {
			return fmt.Errorf("the file may not be changed: it is %w", err)
		}
	}
	if !o.Buffered {
		f.direct, f.align, err = f.file.OpenDirect()
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	if o.Size == 0 || o.Size == st.Size {
		return nil
	}
	// Last: what fails before has cut nothing off.
	err = f.file.Truncate(o.Size)
	if err != nil && f.direct.Valid() {
		err = errors.Join(err, f.direct.Close())
	}
	return err
}

// Direct tells whether aligned transfers go to the device directly.
func (f *File) Direct() bool { return f.direct.Valid() }

// Path is the path that the file was opened with.
func (f *File) Path() string { return f.path }

// Sys is the open file, for the packages of this module that must know which it is,
// whatever its path names by now.
func (f *File) Sys() sys.File { return f.file }

// ReadAt reads len(p) bytes at off.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.check(off); err != nil {
		return 0, f.fail("read", off, len(p), err)
	}
	n, err := f.read(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = f.fail("read", off, len(p), err)
	}
	return n, err
}

// read goes directly as long as the rest is aligned. A direct read that ends
// inside a block has met the end of the file.
func (f *File) read(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) && f.fits(p[done:], off+int64(done)) {
		n, err := f.transfer(false, p[done:], off+int64(done))
		switch {
		case sys.IsInvalid(err):
			return f.through(f.file.ReadAt, p, off, done)
		case err != nil:
			return done, err
		case n == 0:
			return done, io.EOF
		}
		done += n
	}
	if done == len(p) {
		return done, nil
	}
	return f.through(f.file.ReadAt, p, off, done)
}

// through does the rest of a transfer through the page cache.
func (f *File) through(call func([]byte, int64) (int, error), p []byte, off int64, done int) (int, error) {
	n, err := call(p[done:], off+int64(done))
	return done + n, err
}

func (f *File) fits(p []byte, off int64) bool { return f.direct.Valid() && f.align.Fits(p, off) }

func (f *File) transfer(isWrite bool, p []byte, off int64) (int, error) {
	switch {
	case !f.noRing:
		return f.lane.transfer(f.direct, isWrite, p, off)
	case isWrite:
		return f.direct.WriteOnce(p, off)
	}
	return f.direct.ReadOnce(p, off)
}

// WriteAt writes p at off.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	err := f.check(off)
	if err == nil && !f.writable {
		err = ErrReadOnly
	}
	n := 0
	if err == nil {
		n, err = f.write(p, off)
	}
	if err != nil {
		return n, f.fail("write", off, len(p), err)
	}
	return n, nil
}

// write goes directly as far as whole blocks reach.
func (f *File) write(p []byte, off int64) (int, error) {
	done := 0
	for {
		blocks := len(p)
		if f.direct.Valid() {
			blocks -= (len(p) - done) % int(f.align.Offset)
		}
		if done == blocks || !f.fits(p[done:blocks], off+int64(done)) {
			break
		}
		n, err := f.transfer(true, p[done:blocks], off+int64(done))
		switch {
		case sys.IsInvalid(err):
			return f.through(f.file.WriteAt, p, off, done)
		case err != nil:
			return done, err
		case n == 0:
			return done, io.ErrShortWrite
		}
		done += n
	}
	if done == len(p) {
		return done, nil
	}
	return f.through(f.file.WriteAt, p, off, done)
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

// Sync makes what was written durable (fsync(2)). After it has failed once every
// later one fails, and Close too: [ErrSyncFailed].
func (f *File) Sync() error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.closed {
		return f.fail("sync", 0, 0, ErrClosed)
	}
	f.syncing.Lock()
	defer f.syncing.Unlock()
	if f.failed == nil {
		f.failed = f.file.Sync()
	}
	return f.syncFailed("sync")
}

// syncFailed is the error of the Sync that failed, if one has.
func (f *File) syncFailed(op string) error {
	if f.failed == nil {
		return nil
	}
	return f.fail(op, 0, 0, fmt.Errorf("%w: %w", ErrSyncFailed, f.failed))
}

// Close ends the store. It waits for calls that are under way; later ones fail
// with ErrClosed, as does a second Close. It says once more that a Sync has failed:
// the store is closed all the same.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("close", 0, 0, ErrClosed)
	}
	f.closed = true
	err := errors.Join(f.lane.close(), f.file.Close())
	if f.direct.Valid() {
		err = errors.Join(err, f.direct.Close())
	}
	if err != nil {
		return f.fail("close", 0, 0, err)
	}
	return f.syncFailed("close")
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
