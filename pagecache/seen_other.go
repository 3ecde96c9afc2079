//go:build !linux

package pagecache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// WatchReaders is unsupported: the tracepoints are Linux's.
func WatchReaders(_ context.Context, path string, _ time.Duration) (*Seen, error) {
	return nil, &Error{Op: "watch", Path: path, Err: fmt.Errorf("needs tracepoints of Linux: %w", errors.ErrUnsupported)}
}
