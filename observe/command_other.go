//go:build !linux

package observe

import "context"

// Command is unsupported: only Linux tells what its paging does.
func Command(context.Context, CommandOptions) (*Document, error) {
	return nil, &Error{Op: "run", Path: "command", Err: unsupported("tracing")}
}
