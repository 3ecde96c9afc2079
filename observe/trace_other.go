//go:build !linux

package observe

import "context"

// Trace is unsupported: only Linux tells what its paging does.
func Trace(_ context.Context, o Options) (*Document, error) {
	return nil, &Error{Op: "trace", Path: o.Path, Err: unsupported("tracing")}
}
