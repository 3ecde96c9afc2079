//go:build !js && !plan9 && !wasip1

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/filemap-go/filemap/internal/signaltest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"filemap": main})
}

// TestScripts runs testdata/script/*.txtar: one for each verb, and those of
// compare that need a place of their own. What the scripts may use beside
// testscript's own commands and conditions is listed here.
func TestScripts(t *testing.T) {
	signaltest.Heed()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			// Options of somebody's shell must not change what is printed.
			e.Setenv("NO_COLOR", "")
			return os.Mkdir(filepath.Join(e.WorkDir, "here"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"report":     reportCommand,
			"nothing":    nothingCommand,
			"await":      awaitCommand,
			"status":     statusCommand,
			"sigterm":    sigtermCommand,
			"signal":     signalCommand,
			"mount":      mountCommand,
			"asuser":     asUserCommand,
			"fifo":       fifoCommand,
			"unixsocket": unixsocketCommand,
			"awaitfile":  awaitFileCommand,
			"pages":      pagesCommand,
			"shrinks":    shrinksCommand,
			"held":       heldCommand,
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "mount":
				return canMount(), nil
			case "root":
				return os.Geteuid() == 0, nil
			case "perf":
				return canPerf(), nil
			}
			return false, fmt.Errorf("no such condition: %s", name)
		},
	})
}

// reportCommand checks the JSON document that was printed last, or is in a file:
// the fields that others rely on are there, and every result is verified.
func reportCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: report FILE")
	}
	var document struct {
		Schema  string
		Results []map[string]any
		Article struct{ Ratio float64 }
		Measured, Verdict,
		Settings map[string]any
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &document))
	if document.Schema != "filemap/compare/v1" || document.Article.Ratio != 2.26 {
		ts.Fatalf("schema %q, the article's ratio %v", document.Schema, document.Article.Ratio)
	}
	if len(document.Results) == 0 || document.Measured["ratio"] == nil || document.Verdict["sentence"] == "" || document.Settings["seed"] == nil {
		ts.Fatalf("%d results, measured %v, verdict %v, settings %v", len(document.Results), document.Measured, document.Verdict, document.Settings)
	}
	for _, result := range document.Results {
		for _, field := range []string{
			"contender", "median_ns", "ratio_to_readwrite", "verified", "faults_minor", "faults_major",
			"copied_bytes", "device_read_bytes", "device_write_bytes",
		} {
			if _, there := result[field]; !there {
				ts.Fatalf("%v has no %s", result["contender"], field)
			}
		}
		if result["outcome"] == "ok" && result["verified"] != true {
			ts.Fatalf("%v is not verified", result["contender"])
		}
	}
}

// nothingCommand checks that a directory is empty.
func nothingCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nothing DIR")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, e := range entries {
		ts.Fatalf("%s was left behind in %s", e.Name(), args[0])
	}
}

// awaitCommand waits until there is something in a directory.
func awaitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await DIR")
	}
	for {
		entries, err := os.ReadDir(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(entries) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// verbs are those that a line for "status" may begin with.
var verbs = []string{"help", "version", "simulate", "trace", "pages", "warm", "evict", "lock", "save", "restore", "doctor"}

// awaitFileCommand waits until there is a file that matches a pattern.
func awaitFileCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: awaitfile PATTERN")
	}
	for {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		if len(found) > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// statusCommand checks the exit status of a command line: "status 2 ARGS" runs
// "filemap compare ARGS", or a verb if ARGS begin with one.
func statusCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: status STATUS ARGS")
	}
	line := args[1:]
	if len(line) == 0 || !slices.Contains(verbs, line[0]) {
		line = append([]string{"compare"}, line...)
	}
	err := ts.Exec("filemap", line...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || strconv.Itoa(exit.ExitCode()) != args[0] {
		ts.Fatalf("filemap %q: %v, expected status %s", line, err, args[0])
	}
}

// signalCommand sends a signal to every command in the background: "signal HUP".
func signalCommand(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "QUIT": syscall.SIGQUIT, "KILL": syscall.SIGKILL}
	if neg || len(args) != 1 || signals[args[0]] == 0 {
		ts.Fatalf("usage: signal HUP|QUIT|KILL")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(signals[args[0]]))
	}
}

// sigtermCommand asks every command in the background to end.
func sigtermCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: sigterm")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGTERM))
	}
}
