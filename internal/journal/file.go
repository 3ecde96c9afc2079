package journal

import "github.com/filemap-go/filemap/internal/sys"

// fileOf is a [File], or a [Target], of the file system.
type fileOf struct{ sys.File }

// TargetOf makes a [Target] of an open file.
func TargetOf(f sys.File) Target { return fileOf{f} }

// Sync makes what was written durable, and the size (fdatasync(2), fsync(2),
// F_FULLFSYNC, FlushFileBuffers).
func (f fileOf) Sync() error { return f.SyncData() }

// Size returns the file's size.
func (f fileOf) Size() (int64, error) {
	st, err := f.Stat()
	return st.Size, err
}
