//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// ErrNeedsFUSE says that this process may not mount, since the system has no
// FUSE, or not for it.
var ErrNeedsFUSE = errors.New("needs FUSE")

// FS is a mounted file system.
type FS struct {
	dir, backing string
	process      *process
	control      *rpc.Client
}

// pipes are a connection to the other process.
type pipes struct {
	io.Reader
	io.WriteCloser
}

// Mount mounts at dir, an empty directory, what is in the directory backing. The
// program must call [Main] when it starts. Only this process sees the mount,
// and only by [FS.Path].
func Mount(dir, backing string) (*FS, error) {
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNeedsFUSE, err)
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	child, conn, err := startProcess()
	if err != nil {
		return nil, err
	}
	f := &FS{
		dir:     fmt.Sprintf("/proc/%d/root%s", child.pid, dir),
		backing: backing, process: child, control: rpc.NewClient(conn),
	}
	var answer MountAnswer
	err = f.call("Mount", MountArgs{dir, backing}, &answer)
	if err == nil && answer.Lacks != "" {
		err = fmt.Errorf("%w: %s", ErrNeedsFUSE, answer.Lacks)
	}
	if err != nil {
		return nil, errors.Join(err, f.Kill())
	}
	return f, nil
}

// Path is the path of a file of the mount, for this process.
func (f *FS) Path(name string) string { return filepath.Join(f.dir, name) }

// Backing is the path of a file in the directory below, past all faults.
func (f *FS) Backing(name string) string { return filepath.Join(f.backing, name) }

// Script puts the faults of a script in the place of those before; see the
// package's comment. What was held goes on.
func (f *FS) Script(text string) error {
	if _, err := Parse(text); err != nil {
		return err
	}
	return f.call("Script", text, &None{})
}

// Reset takes all faults away, lets go of what is held, and counts from zero.
func (f *FS) Reset() error { return f.call("Reset", None{}, &None{}) }

// Release lets go of what is held, and holds no more of this script's.
func (f *FS) Release() error { return f.call("Release", None{}, &None{}) }

// Evict makes the kernel forget a file's pages, so that they must be read again.
// It waits for requests for them that are under way: not while one is held.
func (f *FS) Evict(name string) error { return f.call("Evict", name, &None{}) }

// Record begins a history: what is there now is taken to be durable, and all steps
// from now on are remembered. One that was being recorded is dropped.
func (f *FS) Record() error { return f.call("Record", None{}, &None{}) }

// Mark puts a text into the history, where [Cut.Mark] finds it: that a Sync has
// returned, say.
func (f *FS) Mark(text string) error { return f.call("Mark", text, &None{}) }

// History returns what has been recorded so far.
func (f *FS) History() (History, error) {
	var h History
	err := f.call("History", None{}, &h)
	return h, err
}

// Restore makes the file system hold a disk, as if it had been found so by a
// machine that starts: without faults, and without a history until Record. Files
// that are there by name stay the same files.
func (f *FS) Restore(d Disk) error {
	if err := errors.Join(f.call("Forget", None{}, &None{}), f.Reset()); err != nil {
		return err
	}
	return d.WriteTo(f.Path(""))
}

// Counts tells what has happened so far.
func (f *FS) Counts() (Counts, error) {
	var c Counts
	err := f.call("Counts", None{}, &c)
	return c, err
}

// Wait returns when the counts are as wanted.
func (f *FS) Wait(ctx context.Context, wanted func(Counts) bool) error {
	for {
		c, err := f.Counts()
		if err != nil || wanted(c) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("faultfs: %w, counts are %+v", ctx.Err(), c)
		case <-time.After(time.Millisecond):
		}
	}
}

// Unmount writes back what is dirty, unmounts and ends the child. Its error says
// if files of the mount are still open or mapped; it is gone all the same, and
// what is still open fails from then on. After Kill there is nothing to do.
func (f *FS) Unmount() error {
	if f.process.over() {
		return nil
	}
	return errors.Join(f.call("Unmount", None{}, &None{}), f.Kill())
}

// Kill ends the child, and the mount with it, as a crash of the server would:
// requests under way and later ones fail, what is dirty is lost.
func (f *FS) Kill() error {
	f.process.kill()
	err := f.control.Close()
	if errors.Is(err, rpc.ErrShutdown) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

func (f *FS) call(method string, args, answer any) error {
	err := f.control.Call("FS."+method, args, answer)
	if err == nil {
		return nil
	}
	if said := f.process.said(); said != "" {
		return fmt.Errorf("faultfs: %s: %w; its process said %q", method, err, said)
	}
	return fmt.Errorf("faultfs: %s: %w", method, err)
}

// process is the child.
type process struct {
	pid    int
	cmd    *exec.Cmd
	ended  chan struct{}
	stderr bytes.Buffer // to be read when it has ended
}

// startProcess runs this program again as a child that serves, in namespaces of
// its own: of mounts, and unless this is root, of users, so that it may mount.
func startProcess() (*process, io.ReadWriteCloser, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	p := &process{cmd: exec.Command(self), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), childEnv+"=1")
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Unshareflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		p.cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		// Root there, since anybody else loses the right to mount at exec.
		p.cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		p.cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, nil, fmt.Errorf("%w: a child with its own mounts: %w", ErrNeedsFUSE, err)
	}
	p.pid = p.cmd.Process.Pid
	return p, &pipes{stdout, stdin}, nil
}

// run starts the child and waits for it. The kernel sends Pdeathsig when the
// thread that started the child ends, so that this one has to last.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // it is killed, in the end
	}
	close(p.ended)
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// over tells whether the child has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// said returns what the child wrote to its standard error before it ended, and
// nothing while it runs.
func (p *process) said() string {
	if !p.over() {
		return ""
	}
	return p.stderr.String()
}
