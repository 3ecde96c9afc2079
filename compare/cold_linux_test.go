package compare

import (
	"context"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// realDisk returns a directory on a file system that has a device, or skips.
func realDisk(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{t.TempDir(), "."} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.OVERLAYFS_SUPER_MAGIC {
			made, err := os.MkdirTemp(dir, "cold-")
			if err != nil {
				continue
			}
			t.Cleanup(func() { _ = os.RemoveAll(made) })
			return made
		}
	}
	t.Skip("needs a directory on a disk: this one is in memory or an overlay")
	return ""
}

func TestColdIsCold(t *testing.T) {
	for _, p := range Patterns {
		o := quick(t, p)
		o.State, o.Dir, o.Sizes = Cold, realDisk(t), []int64{1 << 20}
		r := mustRun(t, o)
		checkResults(t, r, len(contenders(p)))
		for _, result := range r.Results {
			if result.ColdChecked == nil || !*result.ColdChecked || result.EvictNs <= 0 {
				t.Errorf("%s %s: cold_checked %v, evict_ns %v", p, result.Contender, result.ColdChecked, result.EvictNs)
			}
			// Of a cold file at least a page comes from the device.
			if result.DeviceReadBytes != nil && *result.DeviceReadBytes < 4096 {
				t.Errorf("%s %s: the device read %v bytes of a cold file", p, result.Contender, *result.DeviceReadBytes)
			}
		}
		empty(t, o.Dir)
	}
}

// TestColdThatIsNot: pages that somebody has mapped are not evicted.
func TestColdThatIsNot(t *testing.T) {
	path := realDisk(t) + "/data"
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := filemap.Open(path, filemap.Populated)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	o := quick(t, Sum)
	o.File, o.State, o.Dir = path, Cold, ""
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Failed(); err == nil || !strings.Contains(err.Error(), "not cold") {
		t.Errorf("%v, expected that runs were not cold", err)
	}
	for _, result := range r.Results {
		if result.Runs != 0 || result.InvalidRuns == 0 || result.ColdChecked == nil || *result.ColdChecked {
			t.Errorf("%s: %d runs, %d invalid, cold checked %v", result.Contender, result.Runs, result.InvalidRuns, result.ColdChecked)
		}
	}
}

func TestWarmIsWarm(t *testing.T) {
	o := quick(t, Sum)
	o.State = Warm
	for _, result := range mustRun(t, o).Results {
		if result.DeviceReadBytes != nil && *result.DeviceReadBytes != 0 {
			t.Errorf("%s read %v bytes of a warm file from the device", result.Contender, *result.DeviceReadBytes)
		}
	}
}

// TestDescriptorsAreClosed, and copied bytes are those the kernel counts.
func TestDescriptorsAreClosed(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("needs /proc")
		}
		return len(entries)
	}
	mustRun(t, quick(t, Increment)) // what the runtime opens once is open now
	before := count()
	for _, p := range Patterns {
		mustRun(t, quick(t, p))
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func TestCopiedBytesAreWhatTheKernelCounts(t *testing.T) {
	for _, p := range Patterns {
		o, err := quick(t, p).withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		r := spoiledRunner(t, &o)
		if r.meter.ioErr != nil {
			t.Skip("needs the kernel's I/O counters: ", r.meter.ioErr)
		}
		for _, e := range r.entries {
			if e.name == "spoiler" {
				continue
			}
			if err := r.setup(e); err != nil {
				t.Fatal(err)
			}
			r.job.prepare(1)
			before := r.meter.read()
			err := e.task.run(r.job)
			io := r.meter.read().io.Sub(before.io)
			if err != nil {
				t.Fatal(err)
			}
			if got := io.ReadChars + io.WrittenChars; got != r.job.shares[0].copied {
				t.Errorf("%s %s: the kernel counts %d bytes, the contender %d", p, e.name, got, r.job.shares[0].copied)
			}
		}
	}
}
