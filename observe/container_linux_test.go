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
