package sys

import (
	"errors"
	"io"
	"math"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// File is an open file handle. The zero File is none.
type File struct{ handle windows.Handle }

// Valid tells whether f holds a handle.
func (f File) Valid() bool { return f.handle != 0 }

// shareAll lets everybody else read, write, rename and delete the file while we
// have it open, as they may on other systems. What a mapping forbids them is
// forbidden by the mapping (docs/support.md).
const shareAll = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE

// OpenFile opens path with CreateFile. A directory can be opened too, so that
// the caller learns from [File.Stat] that it is one. Of perm only the owner's
// write bit counts.
func OpenFile(path string, flag OpenFlag, perm uint32) (File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return File{}, err
	}
	access := uint32(windows.GENERIC_READ)
	if flag&Write != 0 {
		access |= windows.GENERIC_WRITE
	}
	attributes := uint32(windows.FILE_FLAG_BACKUP_SEMANTICS)
	if flag&Create != 0 && perm&0o200 == 0 {
		attributes |= windows.FILE_ATTRIBUTE_READONLY
	} else {
		attributes |= windows.FILE_ATTRIBUTE_NORMAL
	}
	handle, err := windows.CreateFile(name, access, shareAll, nil, disposition(flag), attributes, 0)
	if err != nil {
		return File{}, err
	}
	return File{handle}, nil
}

func disposition(flag OpenFlag) uint32 {
	switch {
	case flag&Create != 0 && flag&Excl != 0:
		return windows.CREATE_NEW
	case flag&Create != 0 && flag&Truncate != 0:
		return windows.CREATE_ALWAYS
	case flag&Create != 0:
		return windows.OPEN_ALWAYS
	case flag&Truncate != 0:
		return windows.TRUNCATE_EXISTING
	}
	return windows.OPEN_EXISTING
}

// DupShares is false: a file that is opened once more has flags of its own.
const DupShares = false

// DupFile opens the file of f once more, for what f may do (ReOpenFile), since a
// read through a duplicate would move f's own position. Where that is refused,
// because f shares with nobody or was deleted, it is a duplicate after all
// (DuplicateHandle).
func DupFile(f *os.File) (File, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return File{}, err
	}
	var dup File
	var dupErr error
	err = conn.Control(func(fd uintptr) {
		original := File{windows.Handle(fd)}
		access, err := original.access()
		if err == nil {
			dup, err = original.reopen(access)
		}
		if err != nil {
			self := windows.CurrentProcess()
			dupErr = windows.DuplicateHandle(self, original.handle, self, &dup.handle,
				0, false, windows.DUPLICATE_SAME_ACCESS)
		}
	})
	if err != nil {
		return File{}, os.ErrClosed // the only cause, and without this name
	}
	return dup, dupErr
}

// Dup opens the file once more (ReOpenFile).
func (f File) Dup() (File, error) {
	access, err := f.access()
	if err != nil {
		return File{}, err
	}
	return f.reopen(access)
}

var procReOpenFile = windows.NewLazySystemDLL("kernel32.dll").NewProc("ReOpenFile")

// reopen opens the file of f once more (ReOpenFile).
func (f File) reopen(access uint32) (File, error) {
	r, _, err := procReOpenFile.Call(uintptr(f.handle), uintptr(access), shareAll, windows.FILE_FLAG_BACKUP_SEMANTICS)
	if handle := windows.Handle(r); handle != windows.InvalidHandle {
		return File{handle}, nil
	}
	return File{}, err
}

// fileAccessInformation is FILE_INFORMATION_CLASS's number for what a handle
// was opened for.
const fileAccessInformation = 8

func (f File) access() (uint32, error) {
	var status windows.IO_STATUS_BLOCK
	var access uint32
	err := windows.NtQueryInformationFile(f.handle, &status,
		(*byte)(unsafe.Pointer(&access)), uint32(unsafe.Sizeof(access)), fileAccessInformation)
	return access, err
}

// Close closes the handle.
func (f File) Close() error { return windows.CloseHandle(f.handle) }

// Stat reads the file's size and kind (GetFileType, GetFileInformationByHandle).
func (f File) Stat() (Stat, error) {
	info, kind, err := f.information()
	return Stat{Size: int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow), Kind: kind}, err
}

func (f File) information() (info windows.ByHandleFileInformation, kind Kind, err error) {
	switch fileType, err := windows.GetFileType(f.handle); fileType {
	case windows.FILE_TYPE_DISK:
	case windows.FILE_TYPE_CHAR:
		return info, Device, nil
	case windows.FILE_TYPE_PIPE:
		return info, Pipe, nil
	default:
		return info, Irregular, err
	}
	if err = windows.GetFileInformationByHandle(f.handle, &info); err != nil {
		return info, Device, nil // a volume or a disk has no such information
	}
	if info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		return info, Directory, nil
	}
	return info, Regular, nil
}

// Writable tells whether the handle was opened for writing.
func (f File) Writable() bool {
	access, err := f.access()
	return err == nil && access&windows.FILE_WRITE_DATA != 0
}

// ResidencyKnown tells whether [Region.Resident] is told the truth: it is.
func (f File) ResidencyKnown() bool { return true }

// Truncate sets the file's size (SetFileInformationByHandle, FileEndOfFileInfo).
// A file that grows gets no blocks for what is new, as on other systems, which
// on Windows it must be marked sparse for (FSCTL_SET_SPARSE); a file system that
// does not know sparse files gives it blocks.
func (f File) Truncate(size int64) error {
	if info, _, err := f.information(); err == nil && size > int64(info.FileSizeHigh)<<32|int64(info.FileSizeLow) {
		var returned uint32
		_ = windows.DeviceIoControl(f.handle, windows.FSCTL_SET_SPARSE, nil, 0, nil, 0, &returned, nil)
	}
	return f.setInformation(windows.FileEndOfFileInfo, size)
}

// setInformation serves the classes that hold one 64-bit number.
func (f File) setInformation(class uint32, value int64) error {
	return windows.SetFileInformationByHandle(f.handle, class, (*byte)(unsafe.Pointer(&value)), uint32(unsafe.Sizeof(value)))
}

// Allocate gives the range [off, off+n) blocks on the device and makes the file
// at least off+n bytes long (SetFileInformationByHandle, FileAllocationInfo and
// FileEndOfFileInfo). A sparse or compressed file takes that for no promise, and
// Wine does not have it: zeros are written instead to a range that must hold
// none yet.
func (f File) Allocate(off, n int64) error {
	info, _, err := f.information()
	if err != nil {
		return err
	}
	const thin = windows.FILE_ATTRIBUTE_SPARSE_FILE | windows.FILE_ATTRIBUTE_COMPRESSED
	if info.FileAttributes&thin != 0 {
		return f.writeZeros(off, n)
	}
	size := int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow)
	if off+n <= size {
		return nil // a file that is not sparse has all of its blocks
	}
	err = f.setInformation(windows.FileAllocationInfo, off+n)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, windows.ERROR_INVALID_FUNCTION) {
		return f.writeZeros(size, off+n-size)
	}
	if err != nil {
		return err
	}
	return f.setInformation(windows.FileEndOfFileInfo, off+n)
}

// Sync makes the file's data and metadata durable (FlushFileBuffers). That needs
// a handle for writing; where f is none, one is opened for the call.
func (f File) Sync() error {
	err := windows.FlushFileBuffers(f.handle)
	if !errors.Is(err, windows.ERROR_ACCESS_DENIED) || f.Writable() {
		return err
	}
	writable, reopenErr := f.reopen(windows.GENERIC_WRITE)
	if reopenErr != nil {
		return err
	}
	return errors.Join(windows.FlushFileBuffers(writable.handle), writable.Close())
}

// StartWriteback writes the dirty pages of [off, off+n) of region to the
// device's cache (FlushViewOfFile) and does not have the device write them. A
// file that is not mapped has no such call.
func (f File) StartWriteback(region Region, _ int64, off, n int) error {
	if region.Len() == 0 {
		return unsupported("writeback of a file that is not mapped")
	}
	return region.flush(off, n)
}

// ReadAt reads with ReadFile until p is full, the file ends (io.EOF) or fails.
func (f File) ReadAt(p []byte, off int64) (int, error) {
	return f.transfer(windows.ReadFile, p, off, io.EOF)
}

// WriteAt writes all of p with WriteFile.
func (f File) WriteAt(p []byte, off int64) (int, error) {
	return f.transfer(windows.WriteFile, p, off, io.ErrShortWrite)
}

type transferCall func(windows.Handle, []byte, *uint32, *windows.Overlapped) error

func (f File) transfer(call transferCall, p []byte, off int64, zero error) (int, error) {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		o := &windows.Overlapped{Offset: uint32(at & math.MaxUint32), OffsetHigh: uint32(at >> 32)}
		part := p[done:min(done+1<<30, len(p))]
		var n uint32
		err := call(f.handle, part, &n, o)
		if errors.Is(err, windows.ERROR_IO_PENDING) { // of a file opened as overlapped
			err = windows.GetOverlappedResult(f.handle, o, &n, true)
		}
		switch {
		case errors.Is(err, windows.ERROR_HANDLE_EOF):
			return done, zero
		case err != nil:
			return done, err
		case n == 0:
			return done, zero
		}
		done += int(n)
	}
	return done, nil
}
