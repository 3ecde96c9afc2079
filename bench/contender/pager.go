package contender

import (
	"errors"

	"github.com/filemap-go/filemap/bench/harness"
	"github.com/filemap-go/filemap/pager"
	"github.com/filemap-go/filemap/pager/store"
)

// Pager is package pager with that budget and replacement policy, on a file with
// direct I/O.
func Pager(name string, budget int64, policy string) *Library {
	open := func(path string, write bool) (*Mapping, error) {
		s, err := store.Open(path, store.Options{Write: write})
		if err != nil {
			return nil, err
		}
		mode := pager.ReadOnly
		if write {
			mode = pager.Shared
		}
		p, err := pager.New(pager.Config{Budget: budget, Policy: policy})
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		m, err := p.Map(s, pager.Options{Mode: mode})
		if err != nil {
			return nil, errors.Join(err, p.Close(), s.Close())
		}
		return &Mapping{
			ReadAt: m.ReadAt, WriteAt: m.WriteAt,
			Close: func() error { return errors.Join(p.Close(), s.Close()) },
		}, nil
	}
	return &Library{
		Name: name, Role: harness.Ours,
		Read:  func(path string) (*Mapping, error) { return open(path, false) },
		Write: func(path string) (*Mapping, error) { return open(path, true) },
	}
}
