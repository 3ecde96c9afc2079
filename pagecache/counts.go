package pagecache

import (
	"cmp"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/names"
)

func uint64At(b []byte, i int) uint64 { return binary.NativeEndian.Uint64(b[i:]) }

// counts fills in what the page tables of processes and the frames of memory tell.
func (h *handle) counts(ctx context.Context, f *File, q *Query) error {
	proc := cmp.Or(q.Proc, defaultProc)
	var cached []span
	if q.Mapped != nil || q.Frames || q.Who {
		var err error
		if cached, err = h.cachedSpans(ctx, span{0, f.Pages}); err != nil {
			return err
		}
	}
	if err := h.countMapped(ctx, f, q, cached); err != nil {
		return err
	}
	if q.Frames || q.Who {
		h.addFrames(ctx, f, proc, cached)
	}
	if q.Who {
		f.nameCgroups(cmp.Or(q.Cgroup, "/sys/fs/cgroup"))
		h.countOpen(f, proc)
		f.Who.addSeen(q.Seen)
	}
	if q.Process == 0 {
		return nil
	}
	view, err := h.viewOf(ctx, proc, q.Process)
	f.Process = view
	return err
}

// addFrames fills in what the frames tell, which are looked at where the file is in
// memory: where that is not known they are not either.
func (h *handle) addFrames(ctx context.Context, f *File, proc string, cached []span) {
	if h.method == nobody {
		f.unknown(h.unknown(), "frames")
		return
	}
	frames, err := h.lookAtFrames(ctx, proc, cached, nil)
	if err != nil {
		f.unknown(err.Error(), "frames")
		return
	}
	f.Frames = frames
	f.mappedByFrames()
}

// countMapped counts each page once, however many processes map it.
func (h *handle) countMapped(ctx context.Context, f *File, q *Query, cached []span) error {
	if q.Mapped == nil {
		f.unknown(reasonUnused, "mapped_pages")
		return nil
	}
	maps, err := q.Mapped.of(h)
	if err != nil {
		f.unknown(err.Error(), "mapped_pages")
		return nil
	}
	hidden := q.Mapped.Hidden
	var all []span
	per := map[int]*Holder{}
	for _, m := range maps {
		found, err := q.Mapped.mapped(ctx, m, cached)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			hidden++
			continue
		}
		all = append(all, found...)
		if q.Who {
			_, n := union(slices.Clone(found))
			holderOf(per, q.Mapped.proc, m.PID).MappedPages += n
		}
	}
	_, f.MappedPagesAtLeast = union(all)
	if reason := q.Mapped.why(hidden); reason != "" {
		f.unknown(reason, "mapped_pages")
	} else {
		n := f.MappedPagesAtLeast
		f.MappedPages = &n
	}
	if q.Who {
		f.Who = &Who{Holders: []Holder{}, Charged: []Charge{}, HiddenProcesses: hidden, UnseenProcesses: q.Mapped.Unseen}
		for _, holder := range per {
			f.Who.Holders = append(f.Who.Holders, *holder)
		}
		f.Who.sort()
	}
	return nil
}

// mappedByFrames is the answer where processes hide from root too: each frame
// knows how often it is mapped.
func (f *File) mappedByFrames() {
	if f.MappedPages == nil {
		n := f.Frames.MappedPages
		f.MappedPages, f.MappedPagesAtLeast = &n, n
		delete(f.Unknown, "mapped_pages")
	}
}

func holderOf(all map[int]*Holder, proc string, pid int) *Holder {
	if h := all[pid]; h != nil {
		return h
	}
	h := &Holder{Grade: GradeMapped, PID: pid, Program: names.ProgramOf(commandOf(proc, pid))}
	all[pid] = h
	return h
}

// commandOf is the process's name, "" when it has ended.
func commandOf(proc string, pid int) string {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}
