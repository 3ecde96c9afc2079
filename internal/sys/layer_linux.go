package sys

import "golang.org/x/sys/unix"

// Layer returns the identity of the inode that is behind f at present, on a file
// system where that can become another under a descriptor: on overlayfs, where a file
// of a lower layer is copied to the upper one when somebody opens it for writing. From
// then on reads and fstat(2) are about the copy, mappings made with an earlier
// descriptor about the original. The number stays, the time at which it was made does not.
func (f File) Layer() (id Identity, layered bool) {
	var fs unix.Statfs_t
	if unix.Fstatfs(f.fd(), &fs) != nil || uint32(fs.Type) != unix.OVERLAYFS_SUPER_MAGIC {
		return Identity{}, false
	}
	id, err := f.Identity()
	return id, err == nil
}
