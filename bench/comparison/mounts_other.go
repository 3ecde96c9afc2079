//go:build !linux || 386 || arm || mips || mipsle

package comparison

import "errors"

var errNoMounts = errors.New("file systems that fail as told need Linux with 64-bit pointers")

type faulty struct{}

func mountFaulty(string) (*faulty, error) { return nil, errNoMounts }

func (*faulty) path(string) string    { return "" }
func (*faulty) backing(string) string { return "" }
func (*faulty) script(string) error   { return errNoMounts }
func (*faulty) end()                  {}

type small struct{}

func mountSmall(string, int64) (*small, error) { return nil, errNoMounts }

func (*small) path(string) string { return "" }
func (*small) end()               {}
