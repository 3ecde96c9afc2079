//go:build !linux

package observe

import (
	"errors"
	"fmt"
	"runtime"
)

func unsupported(what string) error {
	return fmt.Errorf("%s is not available on %s: %w", what, runtime.GOOS, errors.ErrUnsupported)
}
