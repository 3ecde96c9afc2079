package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys/sandbox"
)

// TestCallsRefusedBySandbox: containers refuse calls that they do not know, statx(2)
// and cachestat(2) among them, with EPERM or ENOSYS. The test runs itself in one.
func TestCallsRefusedBySandbox(t *testing.T) {
	const name = "FILEMAP_TEST_SANDBOX"
	errnos := map[string]unix.Errno{"EPERM": unix.EPERM, "ENOSYS": unix.ENOSYS}
	if which, path, child := strings.Cut(os.Getenv(name), " "); child {
		if err := sandbox.Refuse(errnos[which], unix.SYS_STATX, unix.SYS_CACHESTAT); err != nil {
			fmt.Println("needs seccomp:", err)
			os.Exit(0)
		}
		if err := insideSandbox(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("checked")
		os.Exit(0)
	}
	for which := range errnos {
		path := writeFile(t, pattern(50_000))
		commit(t, path, "before") // whose journal knows when the file was made
		child := exec.Command(os.Args[0], "-test.run", "^TestCallsRefusedBySandbox$")
		child.Env = append(os.Environ(), name+"="+which+" "+path)
		out, err := child.CombinedOutput()
		if strings.Contains(string(out), "needs seccomp") {
			t.Skipf("needs seccomp: %s", out)
		}
		if err != nil || !strings.Contains(string(out), "checked") {
			t.Errorf("%s: %v\n%.2000s", which, err, out)
		}
		commit(t, path, "after")
		want := pattern(50_000)
		copy(want, "before")
		copy(want, "after")
		copy(want[20_000:], "inside")
		wantContents(t, path, want)
	}
}

func commit(t *testing.T, path, text string) {
	t.Helper()
	m := open(t, path, filemap.ReadWrite, filemap.Atomic)
	if _, err := m.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Commit(), m.Close()); err != nil {
		t.Fatal(err)
	}
}

func insideSandbox(path string) error {
	runtime.LockOSThread()
	m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	if err != nil {
		return err
	}
	if _, err := m.WriteAt([]byte("inside"), 20_000); err != nil {
		return err
	}
	if err := m.Commit(); err != nil {
		return err
	}
	// Not closed: the journal stays in use, and the next open has to know its file.
	looks, err := filemap.Open(path)
	if err != nil {
		return err
	}
	got := make([]byte, 6)
	if _, err := looks.ReadAt(got, 20_000); err != nil || !bytes.Equal(got, []byte("inside")) {
		return fmt.Errorf("read %q, %w", got, err)
	}
	r, err := looks.Residency(context.Background(), 0, filemap.ToEnd)
	if err != nil || !r.Known || r.ResidentPages == 0 {
		return fmt.Errorf("the owner's residency is %+v, %w", r, err)
	}
	return nil
}

// TestAdviceForLockedPages: what locked memory refuses is not unknown to the kernel.
func TestAdviceForLockedPages(t *testing.T) {
	m := open(t, writeFile(t, pattern(8192)), filemap.ReadWrite)
	if err := m.Lock(0, 4096); err != nil {
		t.Skipf("needs memory that may be locked: %v", err)
	}
	for _, a := range []filemap.Advice{filemap.PageOut, filemap.Cold} {
		err := m.Advise(a, 0, 4096)
		wantError(t, err, filemap.ErrOption)
		if errors.Is(err, errors.ErrUnsupported) || err != nil && !strings.Contains(err.Error(), "Unlock") {
			t.Errorf("%v", err)
		}
	}
	if err := m.Unlock(0, 4096); err != nil {
		t.Fatal(err)
	}
	if err := m.Advise(filemap.Cold, 0, 4096); err != nil {
		t.Errorf("unlocked: %v", err)
	}
}
