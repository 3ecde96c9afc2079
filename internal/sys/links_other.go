//go:build !linux && !darwin && !freebsd && !openbsd && !netbsd && !dragonfly

package sys

import "io/fs"

// FileNumber tells a file from all others that there are now, whatever its names.
type FileNumber struct{}

// SeveralNames is not known here.
func SeveralNames(fs.FileInfo) (FileNumber, bool) { return FileNumber{}, false }

// DeviceOfFile is not known here.
func DeviceOfFile(fs.FileInfo) (device uint64, known bool) { return 0, false }
