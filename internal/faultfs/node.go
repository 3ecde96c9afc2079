//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"context"
	"io/fs"
	"os"
	"path"
	"syscall"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// volume is what is mounted.
type volume struct {
	store  *recorder
	faults *faults
	dir    string // where
	root   *node
}

// node is a name of the file system: a file or a directory. The kernel asks it
// for what concerns names and attributes; what concerns bytes, a handle.
type node struct {
	fusefs.Inode
	volume *volume
}

var (
	_ fusefs.NodeLookuper  = (*node)(nil)
	_ fusefs.NodeGetattrer = (*node)(nil)
	_ fusefs.NodeSetattrer = (*node)(nil)
	_ fusefs.NodeOpener    = (*node)(nil)
	_ fusefs.NodeCreater   = (*node)(nil)
	_ fusefs.NodeReaddirer = (*node)(nil)
	_ fusefs.NodeMkdirer   = (*node)(nil)
	_ fusefs.NodeUnlinker  = (*node)(nil)
	_ fusefs.NodeRmdirer   = (*node)(nil)
	_ fusefs.NodeRenamer   = (*node)(nil)
	_ fusefs.NodeFsyncer   = (*node)(nil)
)

func (v *volume) newNode() *node { return &node{volume: v} }

// reset takes all faults away and gives the power back.
func (v *volume) reset() {
	v.faults.reset()
	v.store.power(true)
}

// name is the node's path, as a script and the store write it.
func (n *node) name() string {
	if p := n.Path(nil); p != "" {
		return p
	}
	return "."
}

// below is the path of an entry of this directory.
func (n *node) below(entry string) string { return path.Join(n.name(), entry) }

// setAttr fills out from what the store says.
func setAttr(out *fuse.Attr, info fs.FileInfo) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		out.FromStat(st)
	}
}

// child makes the inode of an entry that the store has.
func (n *node) child(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	info, err := n.volume.store.stat(name)
	if err != nil {
		return nil, fusefs.ToErrno(err)
	}
	setAttr(&out.Attr, info)
	return n.NewInode(ctx, n.volume.newNode(), fusefs.StableAttr{Mode: out.Mode & syscall.S_IFMT, Ino: out.Ino}), 0
}

// Lookup finds an entry of a directory.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	return n.child(ctx, n.below(name), out)
}

// Getattr tells size, mode and times: of an open file by its handle, since its
// name may be gone.
func (n *node) Getattr(_ context.Context, h fusefs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	var info fs.FileInfo
	var err error
	if open, ok := h.(*handle); ok {
		info, err = open.file.Stat()
	} else {
		info, err = n.volume.store.stat(n.name())
	}
	if err != nil {
		return fusefs.ToErrno(err)
	}
	setAttr(&out.Attr, info)
	return 0
}

// Setattr sets the size; modes, owners and times are taken and forgotten.
func (n *node) Setattr(ctx context.Context, h fusefs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, wanted := in.GetSize(); wanted {
		var err error
		if open, ok := h.(*handle); ok {
			err = open.file.Truncate(int64(size))
		} else {
			err = n.volume.store.truncate(n.name(), int64(size))
		}
		if err != nil {
			return fusefs.ToErrno(err)
		}
	}
	return n.Getattr(ctx, h, out)
}

// Open opens a file.
func (n *node) Open(_ context.Context, flags uint32) (fusefs.FileHandle, uint32, syscall.Errno) {
	h, answer, errno := n.open(n.name(), flags, 0)
	if errno != 0 {
		return nil, 0, errno
	}
	return h, answer, 0
}

// storeFlags are the flags of open(2) that the store is to see; the kernel has
// done what the others want.
const storeFlags = syscall.O_ACCMODE | syscall.O_CREAT | syscall.O_EXCL | syscall.O_TRUNC

func (n *node) open(name string, flags uint32, perm fs.FileMode) (*handle, uint32, syscall.Errno) {
	met := n.volume.faults.meet(Open, name, 0, 0)
	defer n.volume.after(met)
	if met.errno != 0 {
		return nil, 0, met.errno
	}
	f, err := n.volume.store.open(name, int(flags)&storeFlags, perm)
	if err != nil {
		return nil, 0, fusefs.ToErrno(err)
	}
	// As with a file system on a disk, pages stay in memory from one open to the
	// next.
	answer := uint32(fuse.FOPEN_KEEP_CACHE)
	if met.direct {
		answer = fuse.FOPEN_DIRECT_IO
	}
	return &handle{file: f, volume: n.volume, name: name}, answer, 0
}

// Create makes a file and opens it.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, fusefs.FileHandle, uint32, syscall.Errno) {
	full := n.below(name)
	h, answer, errno := n.open(full, flags|syscall.O_CREAT, fs.FileMode(mode).Perm())
	if errno != 0 {
		return nil, nil, 0, errno
	}
	inode, errno := n.child(ctx, full, out)
	if errno != 0 {
		_ = h.file.Close() // errno is why
		return nil, nil, 0, errno
	}
	return inode, h, answer, 0
}

// Readdir lists a directory.
func (n *node) Readdir(context.Context) (fusefs.DirStream, syscall.Errno) {
	entries, err := n.volume.store.list(n.name())
	if err != nil {
		return nil, fusefs.ToErrno(err)
	}
	var list []fuse.DirEntry
	for _, e := range entries {
		mode := uint32(syscall.S_IFREG)
		if e.IsDir() {
			mode = syscall.S_IFDIR
		}
		list = append(list, fuse.DirEntry{Name: e.Name(), Mode: mode})
	}
	return fusefs.NewListDirStream(list), 0
}

// Mkdir makes a directory.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fusefs.Inode, syscall.Errno) {
	if err := n.volume.store.mkdir(n.below(name), fs.FileMode(mode).Perm()); err != nil {
		return nil, fusefs.ToErrno(err)
	}
	return n.child(ctx, n.below(name), out)
}

// Unlink removes a file's name.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	return fusefs.ToErrno(n.volume.store.remove(n.below(name)))
}

// Rmdir removes an empty directory.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	return fusefs.ToErrno(n.volume.store.remove(n.below(name)))
}

// Rename moves an entry, over another one if there is one.
func (n *node) Rename(_ context.Context, name string, parent fusefs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to, ok := parent.(*node)
	if !ok || flags != 0 {
		return syscall.EINVAL
	}
	return fusefs.ToErrno(n.volume.store.rename(n.below(name), to.below(newName)))
}

// Fsync makes a file, or a directory's entries, durable.
func (n *node) Fsync(_ context.Context, h fusefs.FileHandle, _ uint32) syscall.Errno {
	met := n.volume.faults.meet(Sync, n.name(), 0, 0)
	defer n.volume.after(met)
	if met.errno != 0 {
		return met.errno
	}
	if met.ignore {
		return 0
	}
	if open, ok := h.(*handle); ok {
		return fusefs.ToErrno(open.file.Sync())
	}
	return fusefs.ToErrno(n.volume.store.syncDir(n.name()))
}

// after does what a request has set off. The kernel is told of truncations by
// somebody else, since it keeps the pages of the request locked until that is
// answered.
func (v *volume) after(met fate) {
	for _, r := range met.truncate {
		if err := v.store.truncate(r.File, r.Bytes); err == nil {
			go v.tellTruncated(r)
		}
	}
	if met.cut {
		v.store.power(false)
	}
}

// truncateNow does a truncation of a script that waits for nothing.
func (v *volume) truncateNow(r Rule) error {
	if err := v.store.truncate(r.File, r.Bytes); err != nil {
		return err
	}
	v.tellTruncated(r)
	return nil
}

// tellTruncated has the kernel look at the size of a file, which makes it drop
// the pages beyond.
func (v *volume) tellTruncated(r Rule) {
	if inode := v.find(r.File); inode != nil {
		_ = inode.NotifyContent(-1, 0) // its attributes alone; fails when it knows none
		_, _ = os.Stat(path.Join(v.dir, r.File))
	}
	v.faults.change(func(c *Counts) { c.Truncated++ })
}

// evict has the kernel forget the pages of a file that it may forget.
func (v *volume) evict(name string) error {
	inode := v.find(name)
	if inode == nil {
		return nil // it has none
	}
	if errno := inode.NotifyContent(0, 0); errno != 0 && errno != syscall.ENOENT {
		return errno
	}
	return nil
}

// find returns the inode of a path that the kernel knows, or nil.
func (v *volume) find(name string) *fusefs.Inode {
	inode := v.root.EmbeddedInode()
	for _, part := range splitPath(name) {
		if inode = inode.GetChild(part); inode == nil {
			return nil
		}
	}
	return inode
}
