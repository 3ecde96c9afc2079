package comparison

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// imageVariable tells a process of this binary to hold a file system in an image
// mounted by a loop device: its type, the image and where to mount it, one a line.
const imageVariable = "FILEMAP_BENCH_IMAGE"

func init() {
	if text, child := os.LookupEnv(imageVariable); child {
		part := strings.Split(text, "\n")
		if err := holdImage(part[0], part[1], part[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// image is a file system of its own on a device of its own, so that what is written to
// the device is counted, and by nobody else.
type image struct {
	file  string
	dir   string
	loop  string // "loop0"
	child *exec.Cmd
	in    io.Closer
}

// mountImage makes a file system of a type, in a file of dir, and mounts it, by a
// child process, which ends with this one and takes the mount away. It is not in a
// namespace of its own: SQLite follows the links of a path by itself, and /proc/PID/root is
// one that it takes for another.
func mountImage(dir, fsType string, bytes int64) (*image, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("needs root: a loop device (%w)", errors.ErrUnsupported)
	}
	if _, err := exec.LookPath("mkfs." + fsType); err != nil {
		return nil, fmt.Errorf("needs mkfs.%s (%w)", fsType, errors.ErrUnsupported)
	}
	m := &image{file: filepath.Join(dir, fsType+".image")}
	at := filepath.Join(dir, fsType)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(m.file)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(bytes), f.Close()); err != nil {
		return nil, err
	}
	if err := m.start(fsType, at); err != nil {
		return nil, errors.Join(err, os.Remove(m.file))
	}
	return m, nil
}

func (m *image) start(fsType, at string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), imageVariable+"="+fsType+"\n"+m.file+"\n"+at)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the parent, whose end it waits for
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	m.child, m.in, m.dir = c, in, at
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		_ = c.Wait()
		return fmt.Errorf("an image of %s could not be mounted: %w", fsType, err)
	}
	m.loop = strings.TrimSpace(line)
	return nil
}

// holdImage makes and mounts it, says on which device, and waits until nobody
// needs it any more.
func holdImage(fsType, file, at string) error {
	if out, err := exec.Command("mkfs."+fsType, file).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.%s: %w: %s", fsType, err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", "-t", fsType, file, at).CombinedOutput(); err != nil {
		return fmt.Errorf("mount: %w: %s", err, out)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		if part := strings.Fields(line); part[1] == at {
			fmt.Println(filepath.Base(part[0]))
		}
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, unix.Unmount(at, unix.MNT_DETACH))
}

func (m *image) path(name string) string { return filepath.Join(m.dir, name) }

// written is how many bytes were written to the device.
func (m *image) written() (int64, error) {
	text, err := os.ReadFile("/sys/block/" + m.loop + "/stat")
	if err != nil {
		return 0, err
	}
	part := strings.Fields(string(text))
	if len(part) < 7 {
		return 0, fmt.Errorf("statistics of %s: %q", m.loop, text)
	}
	sectors, err := strconv.ParseInt(part[6], 10, 64)
	return sectors * 512, err
}

// settle writes everything that waits to be written (syncfs(2)).
func (m *image) settle() error {
	d, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}

func (m *image) end() {
	_ = m.in.Close()
	_ = m.child.Wait() // it ends with its input
	_ = os.Remove(m.file)
}
