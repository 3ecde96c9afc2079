package doctor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/filemap-go/filemap/internal/names"
)

// Grade says how bad a finding is.
type Grade string

// The grades, worst first.
const (
	Problem Grade = "problem" // something will fail
	Unwise  Grade = "unwise"  // something will be slow, or surprise
	Note    Grade = "note"    // good to know
)

// Finding is something to know or to change.
type Finding struct {
	Grade  Grade  `json:"grade"`
	About  string `json:"about"`                  // the setting, ability or file
	Raw    []byte `json:"about_base64,omitempty"` // where About is no UTF-8
	Text   string `json:"text"`                   // what it does to mapped files
	Change string `json:"change"`                 // what to do; "" if there is nothing
}

// rules each look at one thing.
var rules = []func(*Report) []Finding{
	readAhead, mapCount, overcommit, lockLimit, noSwap, swappiness, dirtyLimits, zoneReclaim, faultAround, cgroupLimit, addressSpace, missing, smallFolios, fileRules,
}

func findings(r *Report) []Finding {
	all := []Finding{}
	for _, rule := range rules {
		all = append(all, rule(r)...)
	}
	order := []Grade{Problem, Unwise, Note}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Grade), slices.Index(order, b.Grade))
	})
	return all
}

func one(g Grade, about, change, format string, values ...any) []Finding {
	return []Finding{{g, about, names.Lossless(about), fmt.Sprintf(format, values...), change}}
}

// readAheadMostKB is from where on a random fault reads much more than it needs.
const readAheadMostKB = 512

func readAhead(r *Report) (all []Finding) {
	for _, f := range r.Files {
		if f.ReadAheadKB == nil {
			continue
		}
		switch kb := *f.ReadAheadKB; {
		case kb > readAheadMostKB:
			all = append(all, one(Unwise, f.Path, "open with filemap.Random where access is random, or echo 128 > /sys/class/bdi/MAJOR:MINOR/read_ahead_kb",
				"read_ahead_kb of its device is %d: a fault on a cold page reads up to %d kB, which is good in order and slow at random", kb, kb)...)
		case kb == 0:
			all = append(all, one(Unwise, f.Path, "echo 128 > /sys/class/bdi/MAJOR:MINOR/read_ahead_kb",
				"read_ahead_kb of its device is 0: a cold file is read page by page, even in order")...)
		}
	}
	return all
}

const mapCountDefault = 65530

func mapCount(r *Report) []Finding {
	n, known := r.value("max_map_count")
	switch {
	case !known:
		return nil
	case n < mapCountDefault:
		return one(Problem, "max_map_count", "sysctl vm.max_map_count=262144", "a process may have %d mappings, fewer than usual: mapping fails with ENOMEM beyond", n)
	case n == mapCountDefault:
		return one(Note, "max_map_count", "sysctl vm.max_map_count=262144, for programs that map many files",
			"a process may have %d mappings: one that maps a file for each segment can reach it, and its garbage collector fails then as well", n)
	}
	return nil
}

func overcommit(r *Report) []Finding {
	mode, _ := r.value("overcommit_memory")
	if mode != 2 {
		return nil
	}
	return one(Unwise, "overcommit_memory", "sysctl vm.overcommit_memory=0, or raise vm.overcommit_ratio",
		"memory is promised strictly: private mappings and reserved address space count in full, and are refused beyond the limit")
}

const lockUsual = 64 << 20

func lockLimit(r *Report) []Finding {
	n, known := r.value("memlock")
	if !known || r.Root || n >= lockUsual {
		return nil
	}
	return one(Note, "memlock", "LimitMEMLOCK=infinity in the unit, or ulimit -l", "this user may lock %d bytes: filemap lock and Map.Lock fail beyond", n)
}

func noSwap(r *Report) []Finding {
	n, known := r.value("swap")
	if !known || n > 0 {
		return nil
	}
	return one(Note, "swap", "add swap, if private mappings are written a lot",
		"there is none: pages of files can be evicted, changed pages of private mappings cannot, and fill memory until something is killed")
}

func swappiness(r *Report) []Finding {
	n, known := r.value("swappiness")
	swap, _ := r.value("swap")
	if !known || swap == 0 || n > 0 {
		return nil
	}
	return one(Unwise, "swappiness", "sysctl vm.swappiness=60", "it is 0: the kernel evicts pages of files to the last before it swaps anything out")
}

// dirtyMost is from how much dirty memory on a sync is felt.
const dirtyMost = 2 << 30

func dirtyLimits(r *Report) []Finding {
	memory, known := r.value("memory_available")
	percent, _ := r.value("dirty_ratio")
	limit, _ := r.value("dirty_bytes")
	if limit == 0 && known {
		limit = memory / 100 * percent
	}
	if limit <= dirtyMost {
		return nil
	}
	return one(Note, "dirty_ratio", "sysctl vm.dirty_background_bytes=268435456 vm.dirty_bytes=1073741824, where syncs must be quick; or Sync and StartWriteback often",
		"up to %.1f GiB of changed pages may wait in memory: a sync of a file that is stored to a lot has much to write", float64(limit)/(1<<30))
}

func zoneReclaim(r *Report) []Finding {
	mode, _ := r.value("zone_reclaim_mode")
	if mode == 0 {
		return nil
	}
	return one(Unwise, "zone_reclaim_mode", "sysctl vm.zone_reclaim_mode=0", "it is %d: pages of files are evicted on one node while others have memory free", mode)
}

func faultAround(r *Report) []Finding {
	n, known := r.value("fault_around")
	if !known || n > r.PageBytes {
		return nil
	}
	return one(Unwise, "fault_around", "echo 65536 > /sys/kernel/debug/fault_around_bytes", "it is %d bytes: each page of a file that is in memory costs a fault of its own", n)
}

func cgroupLimit(r *Report) []Finding {
	limit, known := r.value("cgroup_memory_limit")
	if !known {
		return nil
	}
	used, _ := r.value("cgroup_memory_used")
	return one(Note, "cgroup_memory_limit", "raise it, or warm no more than fits",
		"this cgroup may use %.1f GiB (%.1f GiB now), and the pages of files that it reads count: they are evicted at this limit, however much the machine has free",
		float64(limit)/(1<<30), float64(used)/(1<<30))
}

func addressSpace(r *Report) []Finding {
	n, known := r.value("address_space")
	if !known {
		return nil
	}
	return one(Problem, "address_space", "ulimit -v unlimited", "this process may use %d bytes of addresses: larger files cannot be mapped, nor room be reserved for them to grow", n)
}

// missing abilities change how something works here.
func missing(r *Report) (all []Finding) {
	for name, effect := range map[string]string{
		"cachestat": "dirty and evicted pages are unknown, and large files slow to look at",
		"populate":  "pages are loaded by reading and touching them, and a fault in between stalls the Go scheduler",
	} {
		if a := r.ability(name); !a.Available && a.Name != "" {
			all = append(all, one(Unwise, name, a.Reason, "not available: %s", effect)...)
		}
	}
	slices.SortFunc(all, func(a, b Finding) int { return cmp.Compare(a.About, b.About) })
	return all
}

// shared are file systems whose files others change behind the kernel's back.
var shared = map[string]string{
	"nfs":  "another machine's changes are seen late, and a file removed there fails here as an I/O error in a load",
	"smb":  "another machine's changes are seen late, if at all",
	"9p":   "the host's changes may not be seen, and shared mappings may not be written",
	"fuse": "each cold page asks a process; that process must never map what it serves",
}

func fileRules(r *Report) (all []Finding) {
	memory, known := r.value("memory_available")
	for _, f := range r.Files {
		if f.Error != "" {
			all = append(all, one(Problem, f.Path, "", "%s", f.Error)...)
			continue
		}
		if f.MapError != "" {
			all = append(all, one(Problem, f.Path, "use filemap.OrRead, which reads where it cannot map", "it cannot be mapped: %s", f.MapError)...)
		}
		if effect, is := shared[f.FileSystem]; is {
			all = append(all, one(Unwise, f.Path, "copy it to a local file system, or read it", "it is on %s: %s", f.FileSystem, effect)...)
		}
		if f.FileSystem == "overlayfs" {
			all = append(all, one(Unwise, f.Path, "put it on a volume", "it is on overlayfs: the first write copies all of it, and mappings made before go on showing the old file")...)
		}
		if f.InMemory {
			all = append(all, one(Note, f.Path, "", "it is on %s: it is in memory as long as it exists, and nothing makes it durable", f.FileSystem)...)
		}
		if f.Sparse {
			all = append(all, one(Note, f.Path, "fallocate it before storing (filemap.Create does, without Sparse)", "it has holes: a store to one needs a block, and on a full disk there is a SIGBUS instead (an error with filemap's methods)")...)
		}
		if known && !f.InMemory && f.SizeBytes > memory {
			all = append(all, one(Note, f.Path, "warm and lock parts; open with filemap.Random; or see package pager", "it is %.1f GiB, and %.1f GiB of memory are available: some of it will always be cold", float64(f.SizeBytes)/(1<<30), float64(memory)/(1<<30))...)
		}
		if !f.Known && f.SizeBytes > 0 {
			all = append(all, one(Note, f.Path, "run as its owner or a root that has CAP_FOWNER", "the kernel does not tell this user which of its pages are in memory; tools that use mincore print 100 %%")...)
		}
	}
	return all
}
