package pager

import (
	"fmt"
	"time"

	"github.com/filemap-go/filemap/observe/event"
)

// now is nanoseconds since the pager was made.
func (p *Pager) now() int64 { return int64(time.Since(p.begun)) }

// tell hands an event on [page, page+pages) to whoever listens.
func (p *Pager) tell(name string, m *Mapping, begun int64, page, pages uint64, write bool) {
	if p.config.Events == nil {
		return
	}
	off := int64(page << m.shift)
	p.emit(name, m, begun, off, min(int64(pages<<m.shift), int64(m.size)-off), write)
}

// tellAccess hands on an access, as it was made.
func (p *Pager) tellAccess(m *Mapping, begun, off int64, n int, write bool) {
	if p.config.Events == nil {
		return
	}
	p.emit(event.Access, m, begun, off, int64(n), write)
}

func (p *Pager) emit(name string, m *Mapping, begun, off, n int64, write bool) {
	e := event.New(name, begun, p.now()-begun, m.base+off)
	e.Length, e.Write, e.File = n, write, int(m.id)
	e.Address = uint64(m.region.Addr()) + m.at.pages + uint64(off)
	e.Seen = "pager"
	if err := p.callEvents(e); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.panicked == nil {
			p.panicked = fmt.Errorf("Config.Events: %w", err)
		}
	}
}

func (p *Pager) callEvents(e event.Event) (err error) {
	defer asError(&err)
	p.config.Events(e)
	return nil
}
