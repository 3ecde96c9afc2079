//go:build !linux

package comparison

import (
	"errors"
	"fmt"
)

// image needs Linux.
type image struct{}

func mountImage(_, _ string, _ int64) (*image, error) {
	return nil, fmt.Errorf("needs linux: loop devices (%w)", errors.ErrUnsupported)
}

func (*image) path(string) string      { return "" }
func (*image) written() (int64, error) { return 0, errors.ErrUnsupported }
func (*image) settle() error           { return errors.ErrUnsupported }
func (*image) end()                    {}
