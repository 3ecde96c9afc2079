//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"context"
	"errors"
	"io"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// handle is an open file: here requests for bytes meet their faults.
type handle struct {
	file   file
	volume *volume
	name   string // when it was opened, which is what scripts call it
}

var (
	_ fusefs.FileReader    = (*handle)(nil)
	_ fusefs.FileWriter    = (*handle)(nil)
	_ fusefs.FileAllocater = (*handle)(nil)
	_ fusefs.FileFlusher   = (*handle)(nil)
	_ fusefs.FileReleaser  = (*handle)(nil)
)

// Read answers with the bytes at off, or as the script has it.
func (h *handle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	met := h.volume.faults.meet(Read, h.name, off, int64(len(dest)))
	defer h.volume.after(met)
	if met.errno != 0 {
		return nil, met.errno
	}
	n, err := h.file.ReadAt(dest[:met.most], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fusefs.ToErrno(err)
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// Write stores data at off, or as the script has it.
func (h *handle) Write(_ context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	met := h.volume.faults.meet(Write, h.name, off, int64(len(data)))
	defer h.volume.after(met)
	if met.errno != 0 {
		return 0, met.errno
	}
	n, err := h.file.WriteAt(data[:met.most], off)
	return uint32(n), fusefs.ToErrno(err)
}

// Allocate gives a range its blocks.
func (h *handle) Allocate(_ context.Context, off, size uint64, mode uint32) syscall.Errno {
	met := h.volume.faults.meet(Allocate, h.name, int64(off), int64(size))
	defer h.volume.after(met)
	if met.errno != 0 {
		return met.errno
	}
	return fusefs.ToErrno(h.file.allocate(mode, int64(off), int64(size)))
}

// Flush is close(2) of one descriptor: nothing is kept back that it could write.
func (h *handle) Flush(context.Context) syscall.Errno { return 0 }

// Release is the close of the last one.
func (h *handle) Release(context.Context) syscall.Errno { return fusefs.ToErrno(h.file.Close()) }
