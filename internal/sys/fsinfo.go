package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// FileSystem is where a file lives.
type FileSystem struct {
	Name         string // "ext4", "tmpfs"
	InMemory     bool   // no device behind it: tmpfs, ramfs
	Major, Minor uint32 // of the device
}

// deviceName is how sysfs names the device.
func (s FileSystem) deviceName() string { return fmt.Sprintf("%d:%d", s.Major, s.Minor) }

// ReadAheadKB returns how far a fault or read in order reads ahead, in KiB, from
// the files under root, usually "/sys".
func (s FileSystem) ReadAheadKB(root string) (int64, error) {
	var failed error
	for _, place := range []string{
		filepath.Join("class/bdi", s.deviceName(), "read_ahead_kb"),
		filepath.Join("dev/block", s.deviceName(), "queue/read_ahead_kb"),
		filepath.Join("dev/block", s.deviceName(), "../queue/read_ahead_kb"), // a partition's disk
	} {
		// Not Join: "..", after a symbolic link, is the kernel's to resolve.
		text, err := os.ReadFile(root + "/" + place)
		if err == nil {
			return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		}
		failed = errors.Join(failed, err)
	}
	return 0, failed
}

// DeviceIO is what a block device has read and written since the system
// started, by and for everybody.
type DeviceIO struct{ ReadBytes, WrittenBytes int64 }

// DeviceIO reads the statistics of the file system's device from the files under
// root, usually "/sys". A file system without a device of its own (btrfs,
// overlayfs, network, memory) is an [Unsupported].
func (s FileSystem) DeviceIO(root string) (DeviceIO, error) {
	text, err := os.ReadFile(filepath.Join(root, "dev/block", s.deviceName(), "stat"))
	if errors.Is(err, fs.ErrNotExist) {
		return DeviceIO{}, unsupported("a block device of its own (" + s.Name + ")")
	}
	if err != nil {
		return DeviceIO{}, err
	}
	return parseDeviceIO(string(text))
}

// sectorBytes is the unit of the statistics, whatever the device's own is.
const sectorBytes = 512

// parseDeviceIO reads the file documented in the kernel's
// Documentation/block/stat.rst: the third number is sectors read, the seventh
// sectors written.
func parseDeviceIO(text string) (DeviceIO, error) {
	fields := strings.Fields(text)
	if len(fields) < 11 {
		return DeviceIO{}, fmt.Errorf("block device statistics: %d numbers, expected 11 or more", len(fields))
	}
	read, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return DeviceIO{}, fmt.Errorf("block device statistics: %w", err)
	}
	written, err := strconv.ParseInt(fields[6], 10, 64)
	if err != nil {
		return DeviceIO{}, fmt.Errorf("block device statistics: %w", err)
	}
	return DeviceIO{ReadBytes: read * sectorBytes, WrittenBytes: written * sectorBytes}, nil
}
