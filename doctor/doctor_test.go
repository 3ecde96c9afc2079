package doctor

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/filemap-go/filemap/internal/sys"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

// sound is a machine on which there is nothing to find.
var sound = map[string]string{
	"proc/sys/vm/max_map_count":                  "262144\n",
	"proc/sys/vm/overcommit_memory":              "0\n",
	"proc/sys/vm/overcommit_ratio":               "50\n",
	"proc/sys/vm/swappiness":                     "60\n",
	"proc/sys/vm/dirty_ratio":                    "20\n",
	"proc/sys/vm/dirty_bytes":                    "0\n",
	"proc/sys/vm/zone_reclaim_mode":              "0\n",
	"proc/self/limits":                           "Limit                     Soft Limit           Hard Limit           Units     \nMax locked memory         unlimited            unlimited            bytes     \nMax address space         unlimited            unlimited            bytes     \nMax open files            20000                20000                files     \n",
	"proc/meminfo":                               "MemTotal:        8000000 kB\nMemAvailable:    4000000 kB\nDirty:  12 kB\nWriteback: 0 kB\n",
	"proc/swaps":                                 "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2                               partition\t1048576\t\t0\t\t-2\n",
	"proc/self/cgroup":                           "0::/app/one\n",
	"sys/fs/cgroup/app/memory.max":               "max\n",
	"sys/fs/cgroup/app/one/memory.max":           "max\n",
	"sys/fs/cgroup/app/one/memory.current":       "1048576\n",
	"sys/kernel/debug/fault_around_bytes":        "65536\n",
	"sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
}

func machine(t *testing.T, changes map[string]string) Options {
	t.Helper()
	files := maps.Clone(sound)
	maps.Copy(files, changes)
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Options{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys")}
}

// about are the findings that come from settings; abilities are this machine's own.
func about(r *Report) string {
	var names []string
	for _, f := range r.Findings {
		if f.About != "cachestat" && f.About != "populate" {
			names = append(names, string(f.Grade)+" "+f.About)
		}
	}
	return strings.Join(names, ", ")
}

func TestFindings(t *testing.T) {
	if sys.PageSize != 4096 {
		t.Skip("needs pages of 4096 bytes: the fixture has them")
	}
	limits := func(name, value string) map[string]string {
		return map[string]string{"proc/self/limits": "Max " + name + strings.Repeat(" ", 22-len(name)) + value + "  " + value + "  bytes\n"}
	}
	for name, c := range map[string]struct {
		changes map[string]string
		want    string
	}{
		"nothing":           {nil, ""},
		"few mappings":      {map[string]string{"proc/sys/vm/max_map_count": "1000\n"}, "problem max_map_count"},
		"usual mappings":    {map[string]string{"proc/sys/vm/max_map_count": "65530\n"}, "note max_map_count"},
		"strict promises":   {map[string]string{"proc/sys/vm/overcommit_memory": "2\n"}, "unwise overcommit_memory"},
		"no swap":           {map[string]string{"proc/swaps": "Filename Type Size Used Priority\n"}, "note swap"},
		"never swaps":       {map[string]string{"proc/sys/vm/swappiness": "0\n"}, "unwise swappiness"},
		"much dirty":        {map[string]string{"proc/sys/vm/dirty_bytes": "4294967296\n"}, "note dirty_ratio"},
		"much dirty of all": {map[string]string{"proc/sys/vm/dirty_ratio": "60\n"}, "note dirty_ratio"},
		"zone reclaim":      {map[string]string{"proc/sys/vm/zone_reclaim_mode": "1\n"}, "unwise zone_reclaim_mode"},
		"no fault-around":   {map[string]string{"sys/kernel/debug/fault_around_bytes": "4096\n"}, "unwise fault_around"},
		"cgroup":            {map[string]string{"sys/fs/cgroup/app/memory.max": "1073741824\n"}, "note cgroup_memory_limit"},
		"cgroup, high":      {map[string]string{"sys/fs/cgroup/app/one/memory.high": "1073741824\n", "sys/fs/cgroup/app/memory.max": "2147483648\n"}, "note cgroup_memory_limit"},
		"cgroup, namespace": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, "note cgroup_memory_limit"},
		"cgroup, hybrid":    {map[string]string{"proc/self/cgroup": "5:memory:/x\n0::/y\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1073741824\n"}, "note cgroup_memory_limit"},
		"cgroup, version 1": {map[string]string{"proc/self/cgroup": "5:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1073741824\n"}, "note cgroup_memory_limit"},
		"version 1, none":   {map[string]string{"proc/self/cgroup": "5:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, ""},
		"addresses":         {limits("address space", "1073741824"), "problem address_space"},
		"worst first":       {map[string]string{"proc/sys/vm/max_map_count": "1000\n", "proc/swaps": "Filename\n", "proc/sys/vm/zone_reclaim_mode": "1\n"}, "problem max_map_count, unwise zone_reclaim_mode, note swap"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Examine(context.Background(), machine(t, c.changes))
			if err != nil || about(r) != c.want {
				t.Errorf("found %q, %v, want %q", about(r), err, c.want)
			}
			for _, f := range r.Findings {
				if f.Text == "" {
					t.Errorf("%+v says nothing", f)
				}
			}
		})
	}
}

func TestLockLimitIsForOthersThanRoot(t *testing.T) {
	small := int64(8 << 20)
	r := &Report{Settings: []Setting{{Name: "memlock", Value: &small}}}
	if len(lockLimit(r)) != 1 {
		t.Error("a small limit is not found")
	}
	if r.Root = true; len(lockLimit(r)) != 0 {
		t.Error("root is not limited")
	}
}

func TestFileFindings(t *testing.T) {
	kb, none, memory := int64(8192), int64(0), int64(1<<30)
	settings := []Setting{{Name: "memory_available", Value: &memory}}
	for name, c := range map[string]struct {
		file File
		want string
	}{
		"sound":        {File{SizeBytes: 5, Mappable: true, Known: true, FileSystem: "ext4"}, ""},
		"far ahead":    {File{Mappable: true, Known: true, ReadAheadKB: &kb}, "8192"},
		"not at all":   {File{Mappable: true, Known: true, ReadAheadKB: &none}, "page by page"},
		"error":        {File{Error: "there is no such file"}, "no such file"},
		"not mappable": {File{Known: true, MapError: "no such device"}, "cannot be mapped"},
		"network":      {File{Mappable: true, Known: true, FileSystem: "nfs"}, "another machine"},
		"layers":       {File{Mappable: true, Known: true, FileSystem: "overlayfs"}, "copies all of it"},
		"in memory":    {File{Mappable: true, Known: true, FileSystem: "tmpfs", InMemory: true}, "nothing makes it durable"},
		"holes":        {File{Mappable: true, Known: true, Sparse: true}, "holes"},
		"too large":    {File{Mappable: true, Known: true, SizeBytes: 2 << 30}, "always be cold"},
		"another's":    {File{Mappable: true, SizeBytes: 5}, "does not tell"},
	} {
		c.file.Path = "/data"
		found := findings(&Report{Files: []File{c.file}, Settings: settings})
		if c.want == "" && len(found) > 0 || c.want != "" && (len(found) != 1 || !strings.Contains(found[0].Text, c.want)) {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestSettingsOfAnotherMachine(t *testing.T) {
	r, err := Examine(context.Background(), machine(t, map[string]string{
		"proc/sys/vm/swappiness": "lots\n", "proc/swaps": "f\n/x file many 0 0\n", "sys/fs/cgroup/app/memory.max": "2097152\n", "sys/fs/cgroup/app/memory.current": "4096\n",
		"sys/fs/cgroup/app/memory.swap.max": "8192\n", "sys/fs/cgroup/app/one/memory.high": "4194304\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"memory": 8000000 << 10, "cgroup_memory_limit": 2 << 20, "cgroup_memory_used": 4096, "cgroup_swap_limit": 8192, "fault_around": 65536} {
		if got, known := r.value(name); !known || got != want {
			t.Errorf("%s is %d, %v, want %d", name, got, known, want)
		}
	}
	for _, s := range r.Settings {
		if (s.Value == nil) != (s.Reason != "") {
			t.Errorf("%+v has neither a value nor a reason, or both", s)
		}
		if bad := s.Name == "swappiness" || s.Name == "swap"; bad && s.Value != nil {
			t.Errorf("%+v is no number", s)
		}
	}
}

func TestMounted(t *testing.T) {
	o := machine(t, map[string]string{"proc/self/mounts": "sysfs /sys sysfs rw 0 0\nnodev /a\\040b tracefs rw 0 0\n"})
	for kind, want := range map[string]string{"tracefs": "/a b", "debugfs": ""} {
		if got, err := mounted(o.Proc, kind); err != nil || got != want {
			t.Errorf("%s is at %q, %v, want %q", kind, got, err, want)
		}
	}
}

// This machine, and a file of its own.
func TestExamineHere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, make([]byte, 8192), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Examine(context.Background(), Options{Files: []string{path, dir, filepath.Join(dir, "missing")}})
	if err != nil || len(r.Files) != 3 || len(r.Abilities) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if f := r.Files[0]; f.Error != "" || f.SizeBytes != 8192 || !f.Known || !f.Mappable && f.MapError == "" {
		t.Errorf("%+v", f)
	}
	if r.Files[2].Error == "" {
		t.Error("a missing file was examined")
	}
	for _, a := range r.Abilities {
		if !a.Available && a.Reason == "" {
			t.Errorf("%+v, and no reason", a)
		}
	}
}

func TestLargeFolios(t *testing.T) {
	for _, c := range []struct{ fileSystem, release, want string }{
		{"ext4", "6.18.44-generic", "yes"},
		{"ext4", "6.15.0", "no"},
		{"xfs", "5.18.1", "yes"},
		{"xfs", "5.4.0-1", "no"},
		{"btrfs", "7.0.0", "yes"},
		{"nfs", "6.18.0", "unknown"},
		{"ext4", "", "unknown"},
		{"ext4", "10.0", "yes"},
	} {
		got := "unknown"
		if has := hasLargeFolios(c.fileSystem, c.release); has != nil {
			got = map[bool]string{true: "yes", false: "no"}[*has]
		}
		if got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.fileSystem, c.release, got, c.want)
		}
	}
	no := false
	if found := findings(&Report{Files: []File{{FileSystem: "ext4", Mappable: true, Known: true, LargeFolios: &no}}}); len(found) != 1 {
		t.Errorf("%+v", found)
	}
}

// Where it can be tried, nothing is left, and the answer is the kernel's own.
func TestFoliosAreTried(t *testing.T) {
	dir := t.TempDir()
	large, device, err := sys.LargeFolios(dir)
	if err != nil {
		t.Skipf("needs cachestat (Linux 6.5): %v", err)
	}
	f, err := sys.OpenFile(dir, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s, err := f.FileSystem(); err != nil || s.InMemory {
		t.Skipf("needs a temporary directory on a device: %v, %v", s.Name, err)
	}
	if here, err := f.DeviceInode(); err != nil || here.Major != device.Major || here.Minor != device.Minor {
		t.Skipf("the directory is on another device than its files: %v", err)
	}
	got := examineFile(dir, Options{Sys: "/sys"})
	if got.LargeFolios == nil || *got.LargeFolios != large || got.FoliosBy != ByTrying {
		t.Errorf("tried %v, found %+v", large, got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if told := hasLargeFolios(got.FileSystem, sys.KernelRelease()); told != nil && *told != large {
		t.Logf("the release says %v, trying %v", *told, large)
	}
}
