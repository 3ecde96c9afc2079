package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// magics are the file systems by what statfs(2) calls them, from the kernel's
// include/uapi/linux/magic.h and the file systems' own headers.
var magics = map[uint32]string{
	unix.EXT4_SUPER_MAGIC:      "ext4", // ext2 and ext3 have the same
	unix.XFS_SUPER_MAGIC:       "xfs",
	unix.BTRFS_SUPER_MAGIC:     "btrfs",
	unix.F2FS_SUPER_MAGIC:      "f2fs",
	unix.TMPFS_MAGIC:           "tmpfs",
	unix.RAMFS_MAGIC:           "ramfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlayfs",
	unix.NFS_SUPER_MAGIC:       "nfs",
	unix.SMB2_SUPER_MAGIC:      "smb",
	unix.CIFS_SUPER_MAGIC:      "smb",
	unix.FUSE_SUPER_MAGIC:      "fuse",
	unix.SQUASHFS_MAGIC:        "squashfs",
	unix.EROFS_SUPER_MAGIC_V1:  "erofs",
	unix.MSDOS_SUPER_MAGIC:     "vfat",
	unix.EXFAT_SUPER_MAGIC:     "exfat",
	unix.ISOFS_SUPER_MAGIC:     "iso9660",
	unix.HUGETLBFS_MAGIC:       "hugetlbfs",
	0x2fc12fc1:                 "zfs",
	0xca451a4e:                 "bcachefs",
	0x01021997:                 "9p",
	0x5346544e:                 "ntfs",
}

// FileSystem asks fstatfs(2) for the name and fstat(2) for the device.
func (f File) FileSystem() (FileSystem, error) {
	var fs unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(f.fd(), &fs) }); err != nil {
		return FileSystem{}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(f.fd(), &st); err != nil {
		return FileSystem{}, err
	}
	magic := uint32(fs.Type)
	name, known := magics[magic]
	if !known {
		name = fmt.Sprintf("%#x", magic)
	}
	device := uint64(st.Dev)
	return FileSystem{
		Name:     name,
		InMemory: magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC,
		Major:    unix.Major(device),
		Minor:    unix.Minor(device),
	}, nil
}
