package contender

import (
	"errors"
	"os"

	"github.com/filemap-go/filemap/bench/harness"
)

// OSFile is no mapping: os.File, kept open, read and written at offsets.
var OSFile = Library{
	Name:  "os.File",
	Role:  harness.Alternative,
	Read:  func(path string) (*Mapping, error) { return osFile(path, os.O_RDONLY) },
	Write: func(path string) (*Mapping, error) { return osFile(path, os.O_RDWR) },
	Once: func(path string, touch bool) (int, error) {
		f, err := os.Open(path)
		if err != nil {
			return 0, err
		}
		var buffer [4096]byte
		n, err := f.Read(buffer[:])
		if err != nil {
			return 0, errors.Join(err, f.Close())
		}
		return seen(buffer[:n], touch), f.Close()
	},
}

// OSReadFile is os.ReadFile: what comes to mind first for a small file.
var OSReadFile = Library{
	Name: "os.ReadFile",
	Role: harness.Alternative,
	Once: func(path string, touch bool) (int, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		return seen(b, touch), nil
	},
}

func osFile(path string, flag int) (*Mapping, error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	return &Mapping{ReadAt: f.ReadAt, WriteAt: f.WriteAt, Close: f.Close}, nil
}
