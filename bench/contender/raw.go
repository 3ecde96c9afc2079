package contender

import (
	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/bench/harness"
)

// Raw is the system calls themselves, and nothing around them: the floor.
var Raw = Library{
	Name:  "raw mapping",
	Role:  harness.Limit,
	Read:  func(path string) (*Mapping, error) { return raw(path, unix.O_RDONLY, unix.PROT_READ) },
	Write: func(path string) (*Mapping, error) { return raw(path, unix.O_RDWR, unix.PROT_READ|unix.PROT_WRITE) },
	Once: func(path string, touch bool) (int, error) {
		fd, b, err := rawMap(path, unix.O_RDONLY, unix.PROT_READ)
		if err != nil {
			return 0, err
		}
		n := seen(b, touch)
		return n, rawUnmap(fd, b)
	},
}

func raw(path string, flag, prot int) (*Mapping, error) {
	fd, b, err := rawMap(path, flag, prot)
	if err != nil {
		return nil, err
	}
	return &Mapping{Bytes: b, Sync: func() error { return unix.Msync(b, unix.MS_SYNC) }, Close: func() error { return rawUnmap(fd, b) }}, nil
}
