package main

import (
	"io"

	"github.com/filemap-go/filemap/internal/terminal"
)

// counter tells on a terminal how far a work has come whose size is not known
// beforehand.
type counter struct{ line *statusLine }

func newCounter(stderr io.Writer, quiet bool) *counter { return &counter{newStatusLine(stderr, quiet)} }

func (c *counter) tell(line string) { c.line.tell(func() string { return line }) }

func (c *counter) end() { c.line.end() }

// grouped writes 1234567 as "1 234 567", with narrow spaces, which are taken out
// where what reads it is no terminal.
func grouped(n int64) string { return terminal.Group(n) }
