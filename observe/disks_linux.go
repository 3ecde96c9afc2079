package observe

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
)

// disk is the block device under a file: requests name the whole disk, and count
// sectors from its beginning.
type disk struct {
	device uint32
	start  int64 // of the file's partition, in sectors
}

// diskOf finds it below /sys/dev/block.
func diskOf(sysRoot string, major, minor uint32) (disk, bool) {
	dir := filepath.Join(sysRoot, "dev/block", fmt.Sprintf("%d:%d", major, minor))
	if _, err := os.Stat(dir); err != nil {
		return disk{}, false
	}
	d := disk{device: kernelDevice(major, minor)}
	text, err := os.ReadFile(filepath.Join(dir, "start"))
	if err != nil {
		return d, true // the whole disk
	}
	if d.start, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err != nil {
		return disk{}, false
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return disk{}, false
	}
	whole, err := os.ReadFile(filepath.Join(filepath.Dir(resolved), "dev"))
	if err != nil {
		return disk{}, false
	}
	device, known := parseDevice(strings.TrimSpace(string(whole)))
	d.device = device
	return d, known
}

// parseDevice reads "254:0".
func parseDevice(text string) (uint32, bool) {
	a, b, found := strings.Cut(text, ":")
	major, err := strconv.ParseUint(a, 10, 12)
	minor, err2 := strconv.ParseUint(b, 10, 20)
	return kernelDevice(uint32(major), uint32(minor)), found && err == nil && err2 == nil
}

// disks returns the devices of all files.
func (t *tracing) disks() []uint32 {
	var found []uint32
	for _, f := range t.files {
		if d, known := diskOf(t.sys, f.Major, f.Minor); known {
			found = append(found, d.device)
		}
	}
	if len(found) == 0 {
		t.miss("requests to the device: the file's file system has no block device of its own")
		return []uint32{0} // none has that number
	}
	return found
}

// places asks where a file is on its disk.
func (t *tracing) places(i int) []place {
	file := t.files[i]
	d, known := diskOf(t.sys, file.Major, file.Minor)
	if !known {
		return nil
	}
	f, err := sys.OpenFile(file.Path, 0, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	const most = 1 << 16
	extents, err := f.Extents(most)
	if err != nil {
		t.miss("which requests to the device were for %s: %v", filepath.Base(file.Path), err)
		return nil
	}
	var found []place
	for _, e := range extents {
		found = append(found, place{d.device, d.start + e.Physical/sectorBytes, e.Length / sectorBytes, e.Logical})
	}
	return found
}
