//go:build !386 && !arm && !mips && !mipsle

package comparison

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/filemap-go/filemap/internal/faultfs"
)

// A file system that some comparison needs is served or held by a child process,
// in a mount namespace of its own, and reached through /proc: whatever becomes of
// the contender, the mount goes with it.

// smallVariable tells a process of this binary to hold a small file system, at
// that directory; smallSize says how small.
const (
	smallVariable = "FILEMAP_BENCH_SMALL"
	smallSize     = "FILEMAP_BENCH_SMALL_SIZE"
)

func init() {
	if code, child := faultfs.Main(); child {
		os.Exit(code)
	}
	if dir, child := os.LookupEnv(smallVariable); child {
		if err := holdSmall(dir, os.Getenv(smallSize)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// faulty is a file system that fails as it is told: package faultfs.
type faulty struct{ fs *faultfs.FS }

// mountFaulty makes one of two new directories in dir.
func mountFaulty(dir string) (*faulty, error) {
	at, below := filepath.Join(dir, "faulty"), filepath.Join(dir, "below")
	if err := errors.Join(os.Mkdir(at, 0o755), os.Mkdir(below, 0o755)); err != nil {
		return nil, err
	}
	fs, err := faultfs.Mount(at, below)
	if err != nil {
		return nil, err
	}
	return &faulty{fs}, nil
}

func (f *faulty) path(name string) string    { return f.fs.Path(name) }
func (f *faulty) backing(name string) string { return f.fs.Backing(name) }
func (f *faulty) script(text string) error   { return f.fs.Script(text) }

// end ends the file system; what is mapped of it stays mapped, to nothing.
func (f *faulty) end() { _ = f.fs.Kill() }

// small is a file system in memory with little room.
type small struct {
	dir   string
	child *exec.Cmd
	in    io.Closer
}

// mountSmall makes one of that many bytes.
func mountSmall(dir string, bytes int64) (*small, error) {
	at := filepath.Join(dir, "small")
	if err := os.Mkdir(at, 0o755); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), smallVariable+"="+at, fmt.Sprintf("%s=%d", smallSize, bytes))
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 {
		c.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("a process with mounts of its own: %w", err)
	}
	s := &small{fmt.Sprintf("/proc/%d/root%s", c.Process.Pid, at), c, in}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		s.end()
		return nil, fmt.Errorf("a small file system could not be mounted: %w", err)
	}
	return s, nil
}

// holdSmall mounts, says so, and waits until nobody needs it any more.
func holdSmall(dir, size string) error {
	if err := syscall.Mount("small", dir, "tmpfs", 0, "size="+size); err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString("."); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func (s *small) path(name string) string { return filepath.Join(s.dir, name) }

func (s *small) end() {
	_ = s.in.Close()
	_ = s.child.Wait() // it ends with its input
}
