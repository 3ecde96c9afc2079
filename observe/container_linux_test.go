package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
)

func init() {
	// Traces a file, as what it is in a container, and prints the document.
	roles["OBSERVE_TEST_CONTAINED"] = func(path string) int {
		d, err := Trace(context.Background(), Options{Path: path, Touches: 4, NoWrite: true})
		if d == nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if err := json.NewEncoder(os.Stdout).Encode(d); err != nil {
			return 1
		}
		return 0
	}
}

func init() {
	// Traces a program and process 1, where /proc is of another PID namespace.
	roles["OBSERVE_TEST_FOREIGN_PROC"] = func(string) int {
		_ = os.Unsetenv("OBSERVE_TEST_FOREIGN_PROC") // the program is none that does this again
		d, err := Command(context.Background(), CommandOptions{Argv: []string{os.Args[0], "-test.run=^$"}, Stdin: strings.NewReader("")})
		if d == nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(d.Missing)
		_, err = Command(context.Background(), CommandOptions{PID: 1})
		fmt.Println(err)
		return 0
	}
}

// By a number /proc of another PID namespace has another process: nothing is told of
// that one.
func TestProcOfAnotherNamespace(t *testing.T) {
	needsRoot(t)
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("needs unshare")
	}
	self, err := os.Executable()
	must(t, err)
	c := exec.Command(unshare, "--pid", "--fork", "--", self, "-test.run=^$")
	c.Env = append(os.Environ(), "OBSERVE_TEST_FOREIGN_PROC=1")
	out, err := c.CombinedOutput()
	for _, want := range []string{"how much was read by system calls: /proc is of another PID namespace", "process 1: cannot be found: /proc is of another PID namespace"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%v, without %q: %s", err, want, out)
		}
	}
}

// The root of a user namespace may be told no more than any user, and that it is told.
func TestRootOfAContainerSeesFaults(t *testing.T) {
	if err := sys.Able(sys.AblePerf); err != nil {
		t.Skipf("needs perf_event_open: %v", err)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("needs unshare")
	}
	self, err := os.Executable()
	must(t, err)
	path := newFile(t, 4*sys.PageSize)
	c := exec.Command(unshare, "--user", "--map-root-user", "--", self)
	c.Env = append(os.Environ(), "OBSERVE_TEST_CONTAINED="+path)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil && strings.Contains(said.String(), "unshare") {
		t.Skipf("needs user namespaces: %s", said.String())
	}
	must(t, err)
	var d Document
	must(t, json.Unmarshal(out, &d))
	if d.Tier != TierUser || len(named(&d, event.Fault)) == 0 {
		t.Errorf("tier %s with %d faults: missing %q", d.Tier, len(named(&d, event.Fault)), d.Missing)
	}
}
