package pagecache

import (
	"context"
	"errors"
)

// Layout is how a file lies in memory. Its pages are in folios of one or more:
// how large these are decides how many faults a mapping of the file takes, and how
// many bytes the kernel writes for one that was changed.
type Layout struct {
	// Cached are the parts that are in memory, in order; nil where Known is false.
	Cached []Extent
	Known  bool

	// Folios has an extent for each folio of Cached, in order; nil where
	// FoliosUnknown says why the kernel does not tell. Each is cut at the end of the
	// file.
	Folios        []Extent
	FoliosUnknown error
}

// LayoutOf looks at the file at path, and reads nothing of it. Folios takes root.
// Errors: as [Look].
func LayoutOf(ctx context.Context, path string) (*Layout, error) {
	h, err := openFile("look", path)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	cached, err := h.cachedSpans(ctx, span{0, pages(h.size)})
	if err != nil {
		return nil, h.fail("look", 0, 0, err)
	}
	l := &Layout{Known: cached != nil}
	for _, s := range cached {
		l.Cached = append(l.Cached, s.clip(h.size))
	}
	if !l.Known {
		l.FoliosUnknown = errors.New(h.unknown())
		return l, nil
	}
	_, l.FoliosUnknown = h.lookAtFrames(ctx, defaultProc, cached, func(folio span) {
		l.Folios = append(l.Folios, folio.clip(h.size))
	})
	if l.FoliosUnknown != nil {
		l.Folios = nil
	}
	return l, ctx.Err()
}
