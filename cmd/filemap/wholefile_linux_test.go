package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Root that writes another user's file leaves it that user's; a file that is mounted
// by itself, as containers have them, and one in a directory that may not be written
// are written in place.
func TestWholeFileKeepsOwnerAndPlace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	path, source := filepath.Join(dir, "file"), filepath.Join(dir, "source")
	for _, p := range []string{path, source} {
		if err := os.WriteFile(p, []byte("old and longer than the new one"), 0o604); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(path, 1234, 4321); err != nil {
		t.Fatal(err)
	}
	if err := putFile(path, "new"); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if own := st.Sys().(*syscall.Stat_t); own.Uid != 1234 || own.Gid != 4321 || st.Mode().Perm() != 0o604 {
		t.Errorf("it is %d:%d's, %v", own.Uid, own.Gid, st.Mode())
	}
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("needs to mount: %v", err)
	}
	defer func() { _ = unix.Unmount(path, unix.MNT_DETACH) }()
	if err := putFile(path, "new"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(source); string(text) != "new" {
		t.Errorf("%q, %v", text, err)
	}
	if got := namesIn(t, dir); len(got) != 2 {
		t.Errorf("left: %q", got)
	}
}

// Nothing is left where the process is killed while it writes: the file has no name.
func TestWholeFileOfAKilledProcess(t *testing.T) {
	if dir := os.Getenv("FILEMAP_KILLED"); dir != "" {
		w, err := newWholeFile("to", filepath.Join(dir, "file"))
		if err != nil || w.name != "" {
			os.Stdout.WriteString("needs a file system with files without names\n")
			os.Exit(3)
		}
		_, _ = w.part.WriteString("half")
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestWholeFileOfAKilledProcess$")
	cmd.Env = append(os.Environ(), "FILEMAP_KILLED="+dir)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "needs") {
		t.Skip(strings.TrimSpace(string(out)))
	}
	if err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := namesIn(t, dir); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}
