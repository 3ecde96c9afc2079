package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

func init() {
	roles["OBSERVE_TEST_READS"] = func(path string) int {
		f, err := os.Open(path)
		if err != nil {
			return 1
		}
		buffer := make([]byte, 64<<10)
		for {
			if _, err := f.Read(buffer); errors.Is(err, io.EOF) {
				return 0
			} else if err != nil {
				return 1
			}
		}
	}
}

func evict(t *testing.T, path string) {
	t.Helper()
	f, err := sys.OpenFile(path, 0, 0)
	must(t, err)
	must(t, errors.Join(f.SyncData(), f.Evict(), f.Close()))
}

// Bytes that a program reads by system calls are in the report: of the process for
// everybody, of each file for root.
func TestWhatAProgramReads(t *testing.T) {
	const size = 8 << 20
	path := newFile(t, size)
	for _, tier := range []string{"", TierUser} {
		evict(t, path)
		d, err := observed(t.Context(), t, CommandOptions{Tier: tier}, "OBSERVE_TEST_READS", path)
		must(t, err)
		p := d.Summary.Pages
		if p == nil || p.ReadCallBytes == nil || *p.ReadCallBytes < size || *p.ReadCallBytes > size+size/2 || p.DeviceReadBytes == nil || *p.DeviceReadBytes < size {
			t.Errorf("tier %s: %+v", d.Tier, p)
		}
		if d.Tier != TierRoot {
			continue
		}
		found := false
		for _, f := range d.Summary.Files {
			if f.Path != path {
				continue
			}
			found = true
			if d.Files[f.File].Role != RoleRead || f.Minor+f.Major != 0 || *f.ReadBytes != size || *f.ReadCallPages < size/int64(sys.PageSize) {
				t.Errorf("%+v, %s", f, d.Files[f.File].Role)
			}
		}
		if !found {
			t.Errorf("%s is not among %+v", path, d.Summary.Files)
		}
	}
}

// strace adds up what read(2) returns too.
func TestReadsAreWhatStraceSees(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	path := newFile(t, 1<<20)
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip("needs cat")
	}
	c := exec.Command(strace, "-f", "-e", "trace=read,pread64,readv,copy_file_range,sendfile,splice", cat, path)
	var calls bytes.Buffer
	c.Stderr = &calls
	if err := c.Run(); err != nil {
		t.Skipf("needs strace: %v", err)
	}
	var want int64
	for _, m := range regexp.MustCompile(`(?m)\) += (\d+)$`).FindAllStringSubmatch(calls.String(), -1) {
		n, err := strconv.ParseInt(m[1], 10, 64)
		must(t, err)
		want += n
	}
	d, err := observed(t.Context(), t, CommandOptions{Argv: []string{cat, path}}, "", "")
	must(t, err)
	// The child reads its job, and the kernel the program's first page, before it is the program.
	const more = 16 << 10
	if got := *d.Summary.Pages.ReadCallBytes; got < want || got > want+more {
		t.Errorf("%d bytes, strace saw %d", got, want)
	}
}

// perf counts the same faults.
func TestFaultsAreWhatPerfCounts(t *testing.T) {
	needsPlainStores(t)
	perf, err := exec.LookPath("perf")
	if err != nil {
		t.Skip("needs perf")
	}
	c := exec.Command(perf, "stat", "-x,", "-e", "minor-faults:u,major-faults:u", os.Args[0])
	c.Env = append(os.Environ(), "OBSERVE_TEST_FAULTS=some")
	var counted bytes.Buffer
	c.Stderr = &counted
	if err := c.Run(); err != nil {
		t.Skipf("needs perf stat: %v: %s", err, counted.Bytes())
	}
	var want int64
	for line := range strings.Lines(counted.String()) {
		if n, err := strconv.ParseInt(strings.Split(line, ",")[0], 10, 64); err == nil {
			want += n
		}
	}
	d, err := observed(t.Context(), t, CommandOptions{Tier: TierUser}, "OBSERVE_TEST_FAULTS", "some")
	must(t, err)
	// Two runs of a Go program differ by what its runtime happens to touch.
	const differ = 200
	if got := d.Summary.Faults.Total; d.LostEvents == 0 && (got < want-differ || got > want+differ) {
		t.Errorf("%d faults, perf counted %d: %s", got, want, counted.Bytes())
	}
}

// Bytes that are no UTF-8 reach the program, and are in the document without loss.
func TestNamesOfAnyBytes(t *testing.T) {
	dir := onDisk(t)
	odd := filepath.Join(dir, "x\xff\xfe")
	if err := os.WriteFile(odd, bytes.Repeat([]byte("x"), 3*sys.PageSize), 0o600); err != nil {
		t.Skipf("needs a file system with names of any bytes: %v", err)
	}
	d, err := Trace(t.Context(), Options{Path: odd, NoWrite: true})
	must(t, err)
	lossless := func(d *Document) string {
		text, err := json.Marshal(d)
		must(t, err)
		var back Document
		must(t, json.Unmarshal(text, &back))
		return string(back.Files[0].Raw)
	}
	if got := lossless(d); d.Files[0].Path != odd || got != odd {
		t.Errorf("%q became %q", odd, got)
	}
	printf, err := exec.LookPath("printf")
	if err != nil {
		t.Skip("needs printf")
	}
	var out bytes.Buffer
	d, err = observed(t.Context(), t, CommandOptions{Argv: []string{printf, "%s", "\xff\xfe"}, Stdout: &out}, "", "")
	must(t, err)
	if out.String() != "\xff\xfe" || len(d.CommandRaw) != 3 || string(d.CommandRaw[2]) != "\xff\xfe" {
		t.Errorf("it printed %q; %q", out.String(), d.CommandRaw)
	}
	program := filepath.Join(dir, "p\xff")
	must(t, os.WriteFile(program, []byte("#!/bin/sh\nexit 5\n"), 0o700))
	d, err = observed(t.Context(), t, CommandOptions{Argv: []string{program}}, "", "")
	must(t, err)
	if *d.Summary.ExitCode != 5 {
		t.Errorf("exit code %d", *d.Summary.ExitCode)
	}
}
