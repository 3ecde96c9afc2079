package doctor

import "fmt"

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
		since := foliosSince[f.FileSystem]
		all = append(all, one(Note, f.Path, fmt.Sprintf("%s has larger ones since Linux %d.%d; XFS since 5.18", f.FileSystem, since.major, since.minor),
			"%s of this kernel keeps files in single pages: mapping a file that is in memory takes a fault for each few of them", f.FileSystem)...)
	}
	return all
}
