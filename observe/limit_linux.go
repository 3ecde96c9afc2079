package observe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
)

// smallestLimit leaves the child enough for its own page tables and the page
// cache that reads need.
const smallestLimit = 4 << 20

// limit makes a control group with a limit, and swap for what it will not hold.
// need is how many bytes will become private.
func (t *tracing) limit(need int64) error {
	o := t.o
	switch {
	case os.Geteuid() != 0:
		return fmt.Errorf("--memory-limit makes a control group and a swap file: %w", ErrNeedsRoot)
	case o.MemoryLimit < smallestLimit:
		return fmt.Errorf("%w: a memory limit below %d bytes leaves nothing to work with", ErrOption, smallestLimit)
	case need <= o.MemoryLimit:
		return fmt.Errorf("%w: %d bytes become private, the limit is %d: give a lower --memory-limit, more --pages or a larger file", ErrFits, need, o.MemoryLimit)
	}
	if err := t.makeSwap(need + need/8 + 1<<20); err != nil {
		return fmt.Errorf("swap: %w", err)
	}
	if err := t.makeGroup(); err != nil {
		return fmt.Errorf("memory control group: %w", err)
	}
	return nil
}

// readLittle gives advice where none is given and one readahead could take much of
// the limit: frames that are being read into cannot be reclaimed, and when they fill
// the group the kernel ends the child.
func (t *tracing) readLittle() {
	const part = 8
	if t.o.Advice != "" {
		return
	}
	f, err := sys.OpenFile(t.files[0].Path, 0, 0)
	if err != nil {
		return // the child says why
	}
	defer f.Close()
	if _, most := readAheadOf(f, t.sys); most == nil || *most > t.o.MemoryLimit/part {
		t.o.Advice, t.doc.Settings.Advice = "random", "random"
	}
}

// endedInGroup says why a child with a limit ended that had nothing to say.
func (t *tracing) endedInGroup(err error) error {
	const text = "the kernel ended the process that makes the access, for want of memory: raise --memory-limit"
	if t.stderr.Len() == 0 {
		return errors.New(text)
	}
	return fmt.Errorf("%s (%w)", text, err)
}

// The first page of a swap area (union swap_header of the kernel's
// include/linux/swap.h):
//
//	1024  version, 1      1028  number of the last page    1032  bad pages
//	PAGE_SIZE-10          "SWAPSPACE2"
const (
	swapVersionAt  = 1024
	swapLastPageAt = 1028
	swapMagic      = "SWAPSPACE2"
)

func swapHeader(pageBytes int, pages uint32) []byte {
	h := make([]byte, pageBytes)
	putNative(h[swapVersionAt:], 1)
	putNative(h[swapLastPageAt:], pages-1)
	copy(h[pageBytes-len(swapMagic):], swapMagic)
	return h
}

// makeSwap makes a file, all of whose blocks are there, and swaps on it.
func (t *tracing) makeSwap(size int64) error {
	dir := t.o.SwapDir
	if dir == "" {
		dir = t.o.Dir
	}
	if dir == "" {
		dir = filepath.Dir(t.files[0].Path)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	f, path, err := t.newFile(dir, ".filemap-swap-")
	if err != nil {
		return err
	}
	defer f.Close()
	pages := uint32((size + int64(sys.PageSize) - 1) / int64(sys.PageSize))
	t.doc.Settings.SwapBytes = int64(pages) * int64(sys.PageSize)
	zeros := make([]byte, 1<<20)
	for at := int64(0); at < t.doc.Settings.SwapBytes; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), t.doc.Settings.SwapBytes-at)], at); err != nil {
			return err
		}
	}
	if _, err := f.WriteAt(swapHeader(sys.PageSize, pages), 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	swap := File{Path: path, SizeBytes: st.Size(), Role: RoleSwap}
	swap.Major, swap.Minor, _, _ = sys.InodeOf(st) // its pages are not in the page cache
	t.files = append(t.files, swap)
	if err := t.journal.Make(undo.Swap, path, func() error { return sys.SwapOn(path) }); err != nil {
		return fmt.Errorf("this file system may not hold swap (choose another with --swap-dir): %w", err)
	}
	return nil
}

// makeGroup makes a control group that may have MemoryLimit bytes.
func (t *tracing) makeGroup() error {
	g, found := findMemoryGroup(t.proc)
	if !found {
		return errors.New("this system has no memory control groups")
	}
	parent := filepath.Join(g.Mount, g.Own)
	limitFile := "memory.limit_in_bytes"
	if g.Version == 2 {
		// Below the root: a group that has processes cannot hand a controller on.
		parent, limitFile = g.Mount, "memory.max"
		if err := t.handOn(parent); err != nil {
			return err
		}
	}
	if _, err := os.Stat(parent); err != nil {
		parent = g.Mount // in a container one's own group may lie outside of the mount
	}
	dir := undo.Name(parent, undo.GroupPrefix)
	if err := t.journal.Make(undo.Group, dir, func() error { return os.Mkdir(dir, 0o755) }); err != nil {
		return err
	}
	limit := strconv.FormatInt(t.o.MemoryLimit, 10)
	if err := os.WriteFile(filepath.Join(dir, limitFile), []byte(limit), 0o600); err != nil {
		return err
	}
	t.group = dir
	t.has("control group, version %d", g.Version)
	return nil
}

// handOn turns the memory controller on for the groups below, if it is not. Only the
// true root may have processes of its own then, and not the root of a container.
func (t *tracing) handOn(parent string) error {
	there, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(there)), "memory") {
		return errors.New("the control groups of version 2 have no memory controller here")
	}
	control := filepath.Join(parent, "cgroup.subtree_control")
	text, err := os.ReadFile(control)
	if err != nil {
		return err
	}
	if slices.Contains(strings.Fields(string(text)), "memory") {
		return nil
	}
	return explainBusy(parent, t.journal.Make(undo.Control, control, func() error {
		return os.WriteFile(control, []byte("+memory"), 0o600)
	}))
}

func explainBusy(parent string, err error) error {
	if sys.IsBusy(err) {
		return fmt.Errorf("%s has processes of its own, so no group below may have a limit: run outside of the container: %w", parent, err)
	}
	return err
}
