//go:build !linux

package observe

import "context"

// Trace is unsupported: only Linux tells what its paging does.
func Trace(_ context.Context, o Options) (*Document, error) {
	if err := o.complete(); err != nil {
		return nil, &Error{Op: "trace", Path: o.Path, Err: err}
	}
	return nil, &Error{Op: "trace", Path: o.Path, Err: unsupported("tracing")}
}
