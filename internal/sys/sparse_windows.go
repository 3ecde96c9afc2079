package sys

import "golang.org/x/sys/windows"

// MakeSparse lets the file have a length without blocks (FSCTL_SET_SPARSE).
func (f File) MakeSparse() error {
	var n uint32
	return windows.DeviceIoControl(f.handle, windows.FSCTL_SET_SPARSE, nil, 0, nil, 0, &n, nil)
}
