package sys

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"strings"

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
	unix.ECRYPTFS_SUPER_MAGIC:  "ecryptfs",
	unix.OCFS2_SUPER_MAGIC:     "ocfs2",
	unix.AFS_SUPER_MAGIC:       "afs",
	unix.CEPH_SUPER_MAGIC:      "ceph",
	unix.REISERFS_SUPER_MAGIC:  "reiserfs",
	unix.UDF_SUPER_MAGIC:       "udf",
	unix.CRAMFS_MAGIC:          "cramfs",
	unix.ZONEFS_MAGIC:          "zonefs",
}

// kernelMagics are the file systems of the kernel's own, whose files are made when
// they are read: none has pages.
var kernelMagics = map[uint32]string{
	unix.PROC_SUPER_MAGIC:    "procfs",
	unix.SYSFS_MAGIC:         "sysfs",
	unix.CGROUP_SUPER_MAGIC:  "cgroup",
	unix.CGROUP2_SUPER_MAGIC: "cgroup2",
	unix.DEBUGFS_MAGIC:       "debugfs",
	unix.TRACEFS_MAGIC:       "tracefs",
	unix.SECURITYFS_MAGIC:    "securityfs",
	unix.SELINUX_MAGIC:       "selinuxfs",
	unix.BPF_FS_MAGIC:        "bpf",
	unix.PSTOREFS_MAGIC:      "pstore",
	unix.EFIVARFS_MAGIC:      "efivarfs",
	unix.DEVPTS_SUPER_MAGIC:  "devpts",
	unix.BINFMTFS_MAGIC:      "binfmt_misc",
	unix.NSFS_MAGIC:          "nsfs",
	0x62656570:               "configfs",
	0x19800202:               "mqueue",
	0x65735543:               "fusectl",
	0x67596969:               "rpc_pipefs",
}

// OfKernel tells whether path is on a file system of the kernel's own (statfs(2)).
func OfKernel(path string) bool {
	var fs unix.Statfs_t
	if err := retry(func() error { return unix.Statfs(path, &fs) }); err != nil {
		return false
	}
	_, is := kernelMagics[uint32(fs.Type)]
	return is
}

// FreeBytes is how much can be written to the file system that dir is on, what only
// root may take included (statfs(2)). It is not known of one that does not tell its
// size.
func FreeBytes(dir string) (free int64, known bool) {
	var fs unix.Statfs_t
	err := retry(func() error { return unix.Statfs(dir, &fs) })
	return freeOf(fs, err)
}

// freeBytes is [FreeBytes] of the file system that f is on (fstatfs(2)).
func (f File) freeBytes() (free int64, known bool) {
	var fs unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(f.fd(), &fs) })
	return freeOf(fs, err)
}

func freeOf(fs unix.Statfs_t, err error) (free int64, known bool) {
	if err != nil || fs.Blocks == 0 || fs.Bsize <= 0 {
		return 0, false
	}
	return int64(min(fs.Bfree, math.MaxInt64/uint64(fs.Bsize))) * int64(fs.Bsize), true
}

var errNoRoom error = unix.ENOSPC

// nameOf is what mountinfo calls the file system of a device, as proc_pid_mountinfo(5)
// has it, for one that no magic number here names.
func nameOf(device uint64) string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	number := fmt.Sprintf("%d:%d", unix.Major(device), unix.Minor(device))
	for line := range strings.Lines(string(text)) {
		before, behind, separated := strings.Cut(line, " - ")
		fields, kind := strings.Fields(before), strings.Fields(behind)
		if separated && len(fields) > 2 && fields[2] == number && len(kind) > 0 {
			return kind[0]
		}
	}
	return ""
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
	device := uint64(st.Dev)
	name := cmp.Or(magics[magic], kernelMagics[magic])
	if name == "" {
		name = cmp.Or(nameOf(device), fmt.Sprintf("unknown (%#x)", magic))
	}
	return FileSystem{
		Name:     name,
		InMemory: magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC,
		Major:    unix.Major(device),
		Minor:    unix.Minor(device),
	}, nil
}
