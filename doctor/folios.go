package doctor

import (
	"fmt"
	"path/filepath"

	"github.com/filemap-go/filemap/internal/sys"
)

// How it is known whether there are large folios.
const (
	ByTrying  = "trying"  // of a file without a name, beside the one examined
	ByRelease = "release" // of the kernel: what it is built and told to do may differ
)

// lookForFolios tries, where this user may make a file beside this one and no other
// machine or process is asked to keep it; elsewhere the kernel's release must do.
func (f *File) lookForFolios(h sys.File, kind sys.Kind) {
	if _, asks := shared[f.FileSystem]; !asks && !f.InMemory {
		dir, err := filepath.EvalSymlinks(f.Path)
		if kind != sys.Directory {
			dir = filepath.Dir(dir)
		}
		var large bool
		var here, beside sys.DeviceInode
		if err == nil {
			here, err = h.DeviceInode()
		}
		if err == nil {
			large, beside, err = sys.LargeFolios(dir)
		}
		// A file alone can be mounted into a directory of another file system.
		if err == nil && here.Major == beside.Major && here.Minor == beside.Minor {
			f.LargeFolios, f.FoliosBy = &large, ByTrying
			return
		}
	}
	if f.LargeFolios = hasLargeFolios(f.FileSystem, sys.KernelRelease()); f.LargeFolios != nil {
		f.FoliosBy = ByRelease
	}
}

// foliosSince are the kernels from which on a file system keeps files in memory in
// folios larger than a page, by its default settings, from the kernel's history.
var foliosSince = map[string]struct{ major, minor int }{
	"xfs":   {5, 18},
	"erofs": {6, 2},
	"ext4":  {6, 16},
	"btrfs": {6, 17},
}

// hasLargeFolios tells whether a file system has them on a kernel of that release,
// nil where that is not known.
func hasLargeFolios(fileSystem, release string) *bool {
	since, known := foliosSince[fileSystem]
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); !known || n != 2 {
		return nil
	}
	has := major > since.major || major == since.major && minor >= since.minor
	return &has
}

// smallFolios is a finding about files whose file system has single pages only.
func smallFolios(r *Report) (all []Finding) {
	for _, f := range r.Files {
		if f.LargeFolios == nil || *f.LargeFolios {
			continue
		}
		change := "XFS has larger ones since Linux 5.18"
		if since, known := foliosSince[f.FileSystem]; known {
			change = fmt.Sprintf("%s has larger ones since Linux %d.%d, by its default settings; XFS since 5.18", f.FileSystem, since.major, since.minor)
		}
		all = append(all, one(Note, f.Path, change,
			"%s of this kernel keeps files in single pages: mapping a file that is in memory takes a fault for each few of them", f.FileSystem)...)
	}
	return all
}
