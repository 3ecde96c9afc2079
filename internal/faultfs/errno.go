//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"maps"
	"slices"
	"syscall"
)

// errnos are the errors that a script can name: those that file systems return.
var errnos = map[string]syscall.Errno{
	"EACCES":     syscall.EACCES,
	"EAGAIN":     syscall.EAGAIN,
	"EBUSY":      syscall.EBUSY,
	"EDQUOT":     syscall.EDQUOT,
	"EFBIG":      syscall.EFBIG,
	"EINTR":      syscall.EINTR,
	"EINVAL":     syscall.EINVAL,
	"EIO":        syscall.EIO,
	"EMFILE":     syscall.EMFILE,
	"ENODEV":     syscall.ENODEV,
	"ENOENT":     syscall.ENOENT,
	"ENOMEM":     syscall.ENOMEM,
	"ENOSPC":     syscall.ENOSPC,
	"EOPNOTSUPP": syscall.EOPNOTSUPP,
	"EPERM":      syscall.EPERM,
	"EROFS":      syscall.EROFS,
	"ESTALE":     syscall.ESTALE,
	"ETIMEDOUT":  syscall.ETIMEDOUT,
}

func errnoNames() []string { return slices.Sorted(maps.Keys(errnos)) }
