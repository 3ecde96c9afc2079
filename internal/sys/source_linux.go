package sys

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Which call tells the truth about a file is found by trying, since each has files,
// callers and sandboxes for which it answers and means nothing:
//
//   - cachestat(2) counts the pages of the inode that was opened. On a stacked file
//     system (overlayfs, FUSE passthrough) the pages belong to another inode, and it
//     says 0.
//   - mincore(2) asks the inode that is mapped, which is the right one there too. A
//     caller that it does not trust is told that every page is in memory.
//   - A sandbox refuses either with an errno of its choice, EPERM say, by which the
//     kernel itself means that the caller lacks a right.

// stacked are the file systems whose pages are another inode's.
var stacked = map[uint32]bool{
	unix.OVERLAYFS_SUPER_MAGIC: true,
	0x61756673:                 true, // aufs
	0x6a656a62:                 true, // shiftfs
}

// own are the file systems whose pages are always those of the inode that is opened.
// Of all others (FUSE, which can pass reads through to another file, and EROFS, which
// can share pages between files, among them) cachestat has to prove it.
var own = map[uint32]bool{
	unix.EXT4_SUPER_MAGIC: true, unix.XFS_SUPER_MAGIC: true, unix.BTRFS_SUPER_MAGIC: true, unix.F2FS_SUPER_MAGIC: true,
	unix.TMPFS_MAGIC: true, unix.RAMFS_MAGIC: true, unix.SQUASHFS_MAGIC: true, unix.NFS_SUPER_MAGIC: true,
	unix.SMB2_SUPER_MAGIC: true, unix.CIFS_SUPER_MAGIC: true, unix.MSDOS_SUPER_MAGIC: true, unix.EXFAT_SUPER_MAGIC: true,
	unix.ISOFS_SUPER_MAGIC: true,
}

// PageCacheSource finds the call that tells this process the truth about f. It
// reads nothing of the file. The answer can change with the kernel's opinion of the
// caller, and with a first read of the file: it is for one look.
func (f File) PageCacheSource() PageCacheSource {
	var fs unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(f.fd(), &fs) }); err != nil {
		return PageCacheSource{NoSource, err}
	}
	magic := uint32(fs.Type)
	if magic == unix.HUGETLBFS_MAGIC {
		return PageCacheSource{NoSource, errors.New("no call tells of hugetlbfs, whose pages are always in memory")}
	}
	if f.withoutPageCache() {
		return PageCacheSource{NoSource, errors.New("the file is accessed on its device (DAX): there is no page cache of it")}
	}
	why := f.whyNotCachestat(magic)
	if why == nil {
		return PageCacheSource{ByCachestat, nil}
	}
	if err := f.mincoreTells(); err != nil {
		return PageCacheSource{NoSource, err}
	}
	return PageCacheSource{ByMincore, why}
}

// withoutPageCache tells whether loads of a mapping go to the device (statx(2)).
func (f File) withoutPageCache() bool {
	var st unix.Statx_t
	err := unix.Statx(f.fd(), "", unix.AT_EMPTY_PATH, unix.STATX_TYPE, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_DAX != 0
}

// whyNotCachestat is nil where cachestat tells the truth.
func (f File) whyNotCachestat(magic uint32) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	stat, err := f.CacheStat(0, max(st.Size, 1))
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return err
	case err != nil && refusedAnyway():
		return fmt.Errorf("cachestat is refused by a sandbox (%w)", err)
	case err != nil:
		return err
	case stacked[magic]:
		return errors.New("cachestat does not see the layer below, whose pages they are")
	case own[magic] || stat.Cached > 0 || st.Size == 0:
		return nil
	}
	return errors.New("cachestat may not see the pages of this file system's files")
}

// refusedAnyway tells whether cachestat is refused before it looks at what it is
// asked about: no file at all is EBADF to the kernel.
func refusedAnyway() bool {
	err := unix.Cachestat(^uint(0), &unix.CachestatRange{}, &unix.Cachestat_t{}, 0)
	return !errors.Is(err, unix.EBADF)
}

// beyond is how far behind the end of a file no folio reaches.
const beyond = 1 << 30

// mincoreTells is nil where mincore(2) tells this process the truth about f. That is
// found by asking about a page far behind the end of the file, which cannot be in
// memory: a caller that is not trusted is told that it is.
func (f File) mincoreTells() error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size > 1<<62 {
		return errors.New("the file is too large to be asked about")
	}
	inMemory, err := f.askBehind((st.Size/beyond + 2) * beyond)
	switch {
	case err != nil:
		return fmt.Errorf("mincore is refused: %w", err)
	case inMemory && mincoreLies():
		return errors.New("this kernel or sandbox says of every page that it is in memory")
	case inMemory:
		return ErrNeedsOwner
	}
	return nil
}

// askBehind asks mincore about the page at off.
func (f File) askBehind(off int64) (inMemory bool, err error) {
	r, err := MapFile(f, off, PageSize, ProtRead, Shared)
	if err != nil {
		return false, err
	}
	var status [1]PageStatus
	err = errors.Join(r.Resident(0, status[:]), r.Release())
	return status[0] == Resident, err
}

// mincoreLies tells whether a file of this process's own is said to be in memory
// behind its end.
func mincoreLies() bool {
	fd, err := unix.MemfdCreate("filemap", unix.MFD_CLOEXEC)
	if err != nil {
		return false
	}
	f := File{fd + 1}
	inMemory, err := f.askBehind(beyond)
	return errors.Join(err, f.Close()) == nil && inMemory
}
