package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/internal/sys"
)

// canPerf tries: a container may not have perf_event_open(2).
func canPerf() bool {
	p, err := sys.OpenPerfFaults(sys.PerfOptions{CPU: -1, RingPages: 8})
	if err != nil {
		return false
	}
	p.Close()
	return true
}

// canMount tries: a container's root may not mount either.
func canMount() bool {
	dir, err := os.MkdirTemp("", "filemap-mount-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k") != nil {
		return false
	}
	return unix.Unmount(dir, unix.MNT_DETACH) == nil
}

// mountCommand mounts a small tmpfs: "mount DIR OPTIONS".
func mountCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mount DIR OPTIONS")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	var flags uintptr
	options := args[1]
	if options == "ro" {
		flags, options = unix.MS_RDONLY, ""
	}
	ts.Check(unix.Mount("tmpfs", dir, "tmpfs", flags, options))
	ts.Defer(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// asUserCommand runs filemap as a user who owns nothing: "[!] asuser ARGS". Its
// standard error goes to the file asuser.err, its output to asuser.out.
func asUserCommand(ts *testscript.TestScript, neg bool, args []string) {
	const nobody = 65534
	program := copyForAll(ts)
	stderr, err := os.Create(ts.MkAbs("asuser.err"))
	ts.Check(err)
	stdout, err := os.Create(ts.MkAbs("asuser.out"))
	ts.Check(err)
	var cmd *exec.Cmd
	for {
		cmd = exec.Command(program, args...)
		cmd.Dir = filepath.Dir(program)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		cmd.Stdout, cmd.Stderr = stdout, stderr
		// While another test forks, its child has the program open for writing.
		if err = cmd.Run(); !errors.Is(err, syscall.ETXTBSY) {
			break
		}
	}
	ts.Check(stdout.Close())
	ts.Check(stderr.Close())
	if neg != (err != nil) {
		ts.Fatalf("asuser: %v", err)
	}
	code := fmt.Sprintf("exit status %d\n", cmd.ProcessState.ExitCode())
	ts.Check(os.WriteFile(ts.MkAbs("asuser.status"), []byte(code), 0o644))
}

// copyForAll puts this program where everybody may run it, under the name by
// which it is the command and not the test.
func copyForAll(ts *testscript.TestScript) string {
	dir, err := os.MkdirTemp("", "filemap-asuser-")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(dir) })
	ts.Check(os.Chmod(dir, 0o755))
	self, err := os.Executable()
	ts.Check(err)
	in, err := os.Open(self)
	ts.Check(err)
	defer in.Close()
	path := filepath.Join(dir, "filemap")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	ts.Check(err)
	_, err = io.Copy(out, in)
	ts.Check(err)
	ts.Check(out.Close())
	return path
}

func fifoCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fifo PATH")
	}
	ts.Check(unix.Mkfifo(ts.MkAbs(args[0]), 0o600))
}

// unixsocketCommand makes the name of a socket that nobody listens at.
func unixsocketCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: unixsocket PATH")
	}
	ts.Check(unix.Mknod(ts.MkAbs(args[0]), unix.S_IFSOCK|0o600, 0))
}
