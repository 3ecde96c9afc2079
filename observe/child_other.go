//go:build !linux

package observe

import "os"

func keepFromExec(...*os.File) {}

// child makes the access; only Linux tells what became of it.
type child struct{ thread int }

func prepare(*job) (*child, error) { return nil, unsupported("tracing") }

func (c *child) close() {}

func (c *child) become(*job) error { return unsupported("tracing") }

func (c *child) perform() answer { return answer{Problem: unsupported("tracing").Error()} }
