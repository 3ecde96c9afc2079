//go:build !linux

package sys

// FillHoles gives the holes in a range of the file blocks on the device.
func (f File) FillHoles(_, _ int64) error {
	return unsupported("to allocate a range of a file in place")
}

// ZeroRange makes zeros of a range of the file, which keeps its blocks.
func (f File) ZeroRange(_, _ int64) error { return unsupported("to zero a range of a file in place") }
