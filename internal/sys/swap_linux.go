package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SwapOn begins to use a swap area (swapon(2)), at the lowest priority but one
// that the kernel gives by itself. It needs root.
func SwapOn(path string) error { return swapCall(unix.SYS_SWAPON, path) }

// SwapOff reads everything in a swap area back and ends its use (swapoff(2)). It
// needs root.
func SwapOff(path string) error { return swapCall(unix.SYS_SWAPOFF, path) }

func swapCall(number uintptr, path string) error {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return err
	}
	return retry(func() error {
		_, _, errno := unix.Syscall(number, uintptr(unsafe.Pointer(name)), 0, 0)
		return errnoOrNil(errno)
	})
}

// MountTracefs mounts the kernel's tracing files at dir (mount(2)). It needs root.
func MountTracefs(dir string) error {
	return os.NewSyscallError("mount", unix.Mount("tracefs", dir, "tracefs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""))
}

// Unmount takes a mount away, or as soon as nothing uses it any more (umount2(2)
// with MNT_DETACH).
func Unmount(dir string) error {
	return os.NewSyscallError("umount2", unix.Unmount(dir, unix.MNT_DETACH))
}
