package filemap

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/filemap-go/filemap/internal/sys"
)

// suited returns f, or the file of f opened once more, as a descriptor that does what
// the options need: the caller may have opened it for another purpose. Nothing behind
// this place asks again. When it fails f is still open.
//
//	flag             what it does to a Map                           what becomes of it
//	O_WRONLY         nothing can be read, or mapped                  refused
//	O_RDONLY         a ReadWrite Map could store nothing             refused
//	O_PATH           names a file and opens none                     refused
//	O_APPEND         every pwrite(2) lands at the end of the file    opened once more without
//	O_DIRECT         transfers that are not aligned fail             opened once more without
//
// The last two can be set at any time on the caller's descriptor, and a duplicate of it
// is the same open file; so is what fsync(2) has told of errors, which it tells once.
// What stores is opened once more therefore, where that can be.
//
// A seal or an attribute that forbids stores is a refusal of ReadWrite.
//
// A descriptor that this package has opened by path has no such flag, and open(2) has
// looked at the attributes. What is left, a seal or a layer, no file system on a block
// device has: opening a file there takes no call more than it needs.
func (c *config) suited(f sys.File) (sys.File, error) {
	st, err := f.Stat()
	if err != nil || st.Kind != sys.Regular {
		return f, err // what it is instead is regularSize's to say
	}
	if c.own && st.OnDevice {
		c.seen = st
		return f, nil
	}
	as, err := f.Opened()
	if err != nil {
		return f, err
	}
	switch {
	case as.Name:
		return f, fmt.Errorf("%w: it was opened with O_PATH, which only names the file", ErrDescriptor)
	case !as.Read:
		return f, fmt.Errorf("%w: it was opened for writing only (os.O_RDWR, or os.O_RDONLY for a ReadOnly or Private Map): %w", ErrDescriptor, fs.ErrPermission)
	case c.mode == ReadWrite && !as.Write:
		return f, fmt.Errorf("%w: it was opened for reading only, and ReadWrite stores to it (os.O_RDWR): %w", ErrDescriptor, fs.ErrPermission)
	}
	if c.mode == ReadWrite {
		if err := fixed(f, sys.Stores); err != nil {
			return f, err
		}
	}
	var flag string
	switch {
	case as.Direct:
		flag = "O_DIRECT, with which the file's ends cannot be read or written"
	case as.Append && c.mode == ReadWrite:
		flag = "O_APPEND, with which every write lands at the end of the file"
	case c.borrowed && c.mode == ReadWrite:
	case !as.Write && c.has(Unmapped):
		return f, nil
	case !as.Write:
		return c.settle(f)
	default:
		return f, nil
	}
	again, err := f.Reopen()
	if err != nil && flag == "" {
		return f, nil // the duplicate serves as long as the caller sets no flag
	}
	if err != nil {
		return f, fmt.Errorf("%w: it was opened with %s, and cannot be opened once more without: %w", ErrDescriptor, flag, err)
	}
	if err := f.Close(); err != nil || as.Write {
		return again, err
	}
	return c.settle(again)
}

// fixed is an [ErrImmutable] where something about the file forbids one of the changes.
func fixed(f sys.File, changes sys.Change) error {
	if err := f.Fixed(changes); err != nil {
		return fmt.Errorf("%w: it is %w", ErrImmutable, err)
	}
	return nil
}

// refused explains why the file did not take a change, where something about the
// file forbids it: see [ErrImmutable].
func (m *Map) refused(changes sys.Change, err error) error {
	if err == nil || !m.file.Valid() || errors.Is(err, ErrImmutable) || !sys.IsRefusal(err) {
		return err
	}
	if why := fixed(m.file, changes); why != nil {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return err
}
