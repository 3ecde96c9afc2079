//go:build js || wasip1 || plan9

package main

import "io"

// progress draws nothing: these systems have no terminal that the library knows.
type progress struct{}

func newProgress(io.Writer, bool) *progress { return &progress{} }

func (*progress) tell(float64, float64, string) {}

func (*progress) end() {}
