package sys

import (
	"errors"
	"testing"
)

func TestReadAheadKB(t *testing.T) {
	disk := FileSystem{Name: "ext4", Major: 8, Minor: 1}
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"backing device": {map[string]string{"class/bdi/8:1/read_ahead_kb": "128\n", "dev/block/8:1/queue/read_ahead_kb": "4\n"}, 128},
		"a whole disk":   {map[string]string{"dev/block/8:1/queue/read_ahead_kb": "8192\n"}, 8192},
		"a partition":    {map[string]string{"dev/block/queue/read_ahead_kb": "256\n", "dev/block/8:1/stat": ""}, 256},
	} {
		got, err := disk.ReadAheadKB(tree(t, c.files))
		if err != nil || got != c.want {
			t.Errorf("%s: %d, %v, expected %d", name, got, err, c.want)
		}
	}
	if got, err := disk.ReadAheadKB(t.TempDir()); err == nil {
		t.Errorf("without files: %d", got)
	}
	if got, err := disk.ReadAheadKB(tree(t, map[string]string{"class/bdi/8:1/read_ahead_kb": "much\n"})); err == nil {
		t.Errorf("no number: %d", got)
	}
}

func TestDeviceIO(t *testing.T) {
	disk := FileSystem{Name: "ext4", Major: 254, Minor: 0}
	root := tree(t, map[string]string{
		"dev/block/254:0/stat": "   10  0  16  5  20  0  40  9  0  14  14  0 0 0 0 0 0\n",
		"dev/block/8:0/stat":   "1 2 3\n",
		"dev/block/8:1/stat":   "1 0 x 5 20 0 40 9 0 14 14\n",
		"dev/block/8:2/stat":   "1 0 3 5 20 0 x 9 0 14 14\n",
	})
	got, err := disk.DeviceIO(root)
	if err != nil || got != (DeviceIO{ReadBytes: 16 * 512, WrittenBytes: 40 * 512}) {
		t.Errorf("%+v, %v", got, err)
	}
	for minor := range uint32(3) {
		if got, err := (FileSystem{Major: 8, Minor: minor}).DeviceIO(root); err == nil {
			t.Errorf("8:%d: %+v and no error", minor, got)
		}
	}
	if _, err := (FileSystem{Name: "btrfs", Major: 0, Minor: 30}).DeviceIO(root); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a file system without a device: %v", err)
	}
}

func TestFileSystem(t *testing.T) {
	f, err := OpenFile(t.TempDir(), 0, 0)
	if err != nil {
		t.Skip("directories cannot be opened here: ", err)
	}
	defer f.Close()
	s, err := f.FileSystem()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil || s.Name == "" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestKernelRelease(t *testing.T) {
	if Mapped && KernelRelease() == "" {
		t.Error("a system with mappings has a kernel with a version")
	}
}
