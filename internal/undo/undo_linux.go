package undo

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// unmount takes away what is mounted at dir; the directory is an act of its own.
func unmount(dir string) error {
	if err := sys.Unmount(dir); !sys.IsInvalid(err) { // it is no mount point
		return err
	}
	return nil
}

// swapOff ends the use of a swap file, if it is one.
func swapOff(path string) error {
	if err := sys.SwapOff(path); !sys.IsInvalid(err) {
		return err
	}
	return nil
}

// patience is how long the kernel may take to let go of what is in use, which it
// does by itself: a process that was killed, a descriptor that a fork has.
const patience = 5 * time.Second

func tryAgain(f func() error) error {
	var err error
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		if err = f(); err == nil || isGone(err) {
			return nil
		}
	}
	return err
}

// removeInstance stops and removes it: rmdir(2), and what is inside goes with it.
func removeInstance(dir string) error {
	_ = write(filepath.Join(dir, "tracing_on"), "0")
	return tryAgain(func() error { return os.Remove(dir) })
}

// removeGroup kills what is in a control group and removes it.
func removeGroup(dir string) error {
	err := tryAgain(func() error {
		err := os.Remove(dir)
		if err != nil {
			killIn(dir)
		}
		return err
	})
	if err != nil {
		return errors.Join(errors.New("something is still in it"), bare(err))
	}
	return nil
}

// handBack turns the memory controller off, unless another run needs it by now.
func handBack(control string) error {
	others, err := filepath.Glob(filepath.Join(filepath.Dir(control), GroupPrefix+"*"))
	if err != nil || len(others) > 0 {
		return err
	}
	if err := write(control, "-memory"); !sys.IsBusy(err) {
		return err
	}
	return nil // somebody else has handed it on
}

// write writes to a file of the kernel, which it does not make.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// killIn ends what is in a control group: at once by version 2, else one by one.
func killIn(dir string) {
	if write(filepath.Join(dir, "cgroup.kill"), "1") == nil {
		return
	}
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || pid <= 1 || pid == os.Getpid() {
			continue
		}
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
			_ = p.Release()
		}
	}
}
