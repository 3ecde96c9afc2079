package sys

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ThreadID returns the calling thread's number (gettid(2)).
func ThreadID() int { return unix.Gettid() }

// DieWithParent has the kernel kill c's process as soon as the thread that
// starts it ends (PR_SET_PDEATHSIG): that thread must be locked to its goroutine
// for as long as the process is wanted.
func DieWithParent(c *exec.Cmd) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Pdeathsig = unix.SIGKILL
}

// OwnGroup puts c's process into a process group of its own, so that a terminal's
// interrupt does not reach it.
func OwnGroup(c *exec.Cmd) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Setpgid = true
}

// Exec replaces this process's program by another (execve(2)).
func Exec(path string, argv, env []string) error {
	return os.NewSyscallError("execve", unix.Exec(path, argv, env))
}

// Alive tells whether there is a process of that number (kill(2) with signal 0).
func Alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// InodeOf returns the numbers by which the kernel names a file: of its device and
// of the file on it (stat(2)).
func InodeOf(info os.FileInfo) (major, minor uint32, inode uint64, known bool) {
	st, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, 0, 0, false
	}
	return unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino, true
}

// BlockIO returns what getrusage(2) says a process that ended had the device read
// and was charged for writing, with those of its children that it waited for, in
// bytes.
func BlockIO(state *os.ProcessState) (read, written int64, known bool) {
	ru, known := state.SysUsage().(*syscall.Rusage)
	if !known {
		return 0, 0, false
	}
	const sector = 512
	return int64(ru.Inblock) * sector, int64(ru.Oublock) * sector, true
}

// FaultsOf returns the faults of a process that ended, with those of its children
// that it waited for.
func FaultsOf(state *os.ProcessState) (Usage, bool) {
	ru, known := state.SysUsage().(*syscall.Rusage)
	if !known {
		return Usage{}, false
	}
	return Usage{MinorFaults: int64(ru.Minflt), MajorFaults: int64(ru.Majflt), VoluntarySwitches: int64(ru.Nvcsw)}, true
}

// TouchLoad loads the byte at off. It is a call, so that the load is made even
// where nobody wants the byte.
//
//go:noinline
func (r Region) TouchLoad(off int) byte {
	p := (*byte)(unsafe.Add(r.base, off))
	return *p
}

// TouchStore stores to the four bytes around off what they hold already, in one
// atomic instruction, so that whoever changes them at the same time loses nothing.
func (r Region) TouchStore(off int) {
	atomic.OrUint32((*uint32)(unsafe.Add(r.base, off&^3)), 0)
}

// NonBlocking is the flag of [os.OpenFile] for a file whose reads do not wait.
const NonBlocking = unix.O_NONBLOCK

// ReadAvailable reads what there is, 0 bytes where a read would wait (read(2) of a
// file opened with [NonBlocking]).
func ReadAvailable(f *os.File, into []byte) (int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	n := 0
	controlErr := raw.Control(func(fd uintptr) {
		err = retry(func() error {
			n, err = unix.Read(int(fd), into)
			return err
		})
	})
	if errors.Is(err, unix.EAGAIN) {
		return 0, nil
	}
	return max(n, 0), errors.Join(controlErr, err)
}

// EndedBy returns by which signal a process ended, "SIGSEGV" say, 0 if it ended by
// itself.
func EndedBy(state *os.ProcessState) (number int, name string) {
	status, known := state.Sys().(syscall.WaitStatus)
	if !known || !status.Signaled() {
		return 0, ""
	}
	number = int(status.Signal())
	if name = unix.SignalName(status.Signal()); name == "" {
		name = fmt.Sprintf("signal %d", number) // a real-time signal has no name
	}
	return number, name
}

// WaitForEnd waits until a child has ended, and leaves it to be waited for again
// (waitid(2) with WNOWAIT): what /proc says of it can be read until then.
func WaitForEnd(pid int) error {
	return retry(func() error { return unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) })
}

// InForeground tells whether this process is in the terminal's foreground group, all
// of which gets the signals of its keys (ioctl(2) with TIOCGPGRP).
func InForeground() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(tty) }()
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// CloseOnExec closes f in the program that this one becomes (fcntl(2) with
// FD_CLOEXEC).
func CloseOnExec(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { unix.CloseOnExec(int(fd)) })
	}
}
