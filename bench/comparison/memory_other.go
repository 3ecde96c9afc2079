//go:build !linux

package comparison

import (
	"errors"
	"fmt"
)

type memoryLimit struct{}

func limitMemory(int64) (*memoryLimit, error) {
	return nil, fmt.Errorf("needs memory cgroups, which are Linux's: %w", errors.ErrUnsupported)
}

func removeStaleLimits() {}

func (l *memoryLimit) leave() error { return nil }

func deviceReadBytes() (int64, error) {
	return 0, fmt.Errorf("needs /proc/self/io, which is Linux's: %w", errors.ErrUnsupported)
}
