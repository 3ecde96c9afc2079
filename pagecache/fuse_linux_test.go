//go:build !386 && !arm

package pagecache

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// plain is a node whose file is read by the process that serves it.
type plain struct{ fusefs.LoopbackNode }

func (n *plain) WrapChild(context.Context, fusefs.InodeEmbedder) fusefs.InodeEmbedder {
	return &plain{fusefs.LoopbackNode{RootData: n.RootData}}
}

func (n *plain) Open(ctx context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	file, _, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	// Without PassthroughFd. Else each open would drop the pages.
	return struct {
		fusefs.FileReader
		fusefs.FileReleaser
		fusefs.FileFsyncer
	}{file.(fusefs.FileReader), file.(fusefs.FileReleaser), file.(fusefs.FileFsyncer)}, fuse.FOPEN_KEEP_CACHE, 0
}

// onFUSE serves what lies below; with passthrough the kernel goes there itself.
func onFUSE(t *testing.T, dir, content string, passthrough bool) string {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skipf("needs FUSE: %v", err)
	}
	below := t.TempDir()
	runTool(t, "cp", "-p", content, filepath.Join(below, "file"))
	loopback := &fusefs.LoopbackRoot{Path: below}
	var root fusefs.InodeEmbedder = &fusefs.LoopbackNode{RootData: loopback}
	if !passthrough {
		root = &plain{fusefs.LoopbackNode{RootData: loopback}}
	}
	server, err := fusefs.Mount(dir, root, &fusefs.Options{MountOptions: fuse.MountOptions{AllowOther: true, DirectMountStrict: true}})
	if err != nil {
		t.Skipf("needs FUSE: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
		server.Wait()
	})
	return filepath.Join(dir, "file")
}
