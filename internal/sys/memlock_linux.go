package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// MayLock tries whether this process may lock n more bytes (RLIMIT_MEMLOCK), nil if
// so: it locks that many addresses of no memory (mlock2(2) with MLOCK_ONFAULT), and
// gives them back.
func MayLock(n int64) error {
	if int64(uintptr(n)) != n || n > 1<<46 {
		return unix.ENOMEM
	}
	if n == 0 {
		return nil
	}
	length := roundUp(uintptr(n))
	base, err := unix.MmapPtr(-1, 0, nil, length, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_MLOCK2, uintptr(base), length, unix.MLOCK_ONFAULT)
	if errno == unix.ENOSYS {
		errno = 0 // before Linux 4.4: it is found out when it is done
	}
	return errors.Join(errnoOrNil(errno), unix.MunmapPtr(base, length))
}

// LockLimit is how many bytes this process may lock without CAP_IPC_LOCK
// (getrlimit(2) with RLIMIT_MEMLOCK).
func LockLimit() (n int64, known bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil || int64(limit.Cur) < 0 {
		return 0, false
	}
	return int64(limit.Cur), true
}
