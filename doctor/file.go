package doctor

import (
	"errors"
	"io/fs"

	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/internal/sys"
)

// File is what was found about one file, and where it lives.
type File struct {
	names.FileName
	Error       string `json:"error"` // why it could not be looked at
	SizeBytes   int64  `json:"size_bytes"`
	FileSystem  string `json:"file_system"`
	InMemory    bool   `json:"in_memory"`     // it has no device: tmpfs
	ReadAheadKB *int64 `json:"read_ahead_kb"` // of its device; null if it has none that tells
	LargeFolios *bool  `json:"large_folios"`  // its file system has them on this kernel; null if that is not known
	FoliosBy    string `json:"folios_by"`     // how that is known: ByTrying, ByRelease; "" if it is not
	Sparse      bool   `json:"sparse"`        // it has holes, where a store needs a new block
	Mappable    bool   `json:"mappable"`
	MapError    string `json:"map_error"`
	Known       bool   `json:"residency_known"` // the kernel tells this user what of it is in memory
}

func examineFile(path string, o Options) File {
	f := File{FileName: names.FileOf(path)}
	h, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		f.Error = openError(path, err)
		return f
	}
	defer h.Close()
	st, err := h.Stat()
	if err != nil {
		f.Error = err.Error()
		return f
	}
	if s, err := h.FileSystem(); err == nil {
		f.FileSystem, f.InMemory = s.Name, s.InMemory
		if kb, err := s.ReadAheadKB(o.Sys); err == nil {
			f.ReadAheadKB = &kb
		}
	}
	f.lookForFolios(h, st.Kind)
	if st.Kind == sys.Directory {
		return f // its file system is all there is to look at
	}
	if st.Kind != sys.Regular {
		f.Error = notRegular(st.Kind)
		return f
	}
	f.SizeBytes = st.Size
	f.Known = h.ResidencyKnown()
	f.Sparse = hasHole(h, st.Size)
	f.tryMapping(h)
	return f
}

func notRegular(kind sys.Kind) string {
	return "is " + kind.String() + ": only regular files can be mapped"
}

func openError(path string, err error) string {
	if kind, is := sys.Unopenable(path, err); is {
		return notRegular(kind)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "it may not be read by this user"
	}
	return err.Error()
}

// hasHole finds the first hole in front of the end.
func hasHole(h sys.File, size int64) bool {
	begin, end, err := h.NextData(0, size)
	return err == nil && size > 0 && (begin > 0 || end < size)
}

// tryMapping maps one page, and touches nothing.
func (f *File) tryMapping(h sys.File) {
	if f.SizeBytes == 0 {
		f.Mappable = true // as an empty slice
		return
	}
	r, err := sys.MapFile(h, 0, 1, sys.ProtRead, sys.Shared)
	if err == nil {
		err = r.Release()
	}
	f.Mappable = err == nil
	if err != nil {
		f.MapError = err.Error()
	}
}
