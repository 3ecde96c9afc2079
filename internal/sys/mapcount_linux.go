package sys

import (
	"bytes"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// MapCount returns how many mappings this process has (/proc/self/maps) and how many
// it may have (vm.max_map_count). It takes time in proportion to their number, and no
// memory: in a process that is about to have none left it may be asked.
func MapCount() (used, limit int64, known bool) {
	limit, known = readNumber("/proc/sys/vm/max_map_count")
	if !known {
		return 0, 0, false
	}
	known = readAll("/proc/self/maps", func(part []byte) { used += int64(bytes.Count(part, []byte{'\n'})) })
	return used, limit, known
}

// WhyNoMemory says which limit of this process a mapping of n bytes ran into that
// mmap(2) refused with ENOMEM, as far as that can be found out afterwards.
func WhyNoMemory(n int, prot Prot, sharing Sharing) string {
	var size, data int64 // in KiB
	readAll("/proc/self/status", func(part []byte) {
		size, data = max(size, statusKiB(part, "VmSize:")), max(data, statusKiB(part, "VmData:"))
	})
	private := sharing != Shared && prot&ProtWrite != 0
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil && exceeds(size<<10, n, limit.Cur) {
		return fmt.Sprintf("RLIMIT_AS (ulimit -v) allows %d bytes of addresses, and %d are in use", limit.Cur, size<<10)
	}
	if private && unix.Getrlimit(unix.RLIMIT_DATA, &limit) == nil && exceeds(data<<10, n, limit.Cur) {
		return fmt.Sprintf("RLIMIT_DATA (ulimit -d) allows %d bytes of private memory, and %d are in use", limit.Cur, data<<10)
	}
	const slack = 16 // that other threads may have given back meanwhile
	if used, most, known := MapCount(); known && used >= most-slack {
		return fmt.Sprintf("vm.max_map_count allows %d mappings, and all are in use: close some", most)
	}
	if private && sharing != Staged {
		if mode, known := readNumber("/proc/sys/vm/overcommit_memory"); known && mode != 1 {
			return fmt.Sprintf("more than the memory that the kernel promises (vm.overcommit_memory is %d; NoReserve asks for no promise)", mode)
		}
	}
	return "there is no free range of addresses of that size"
}

func exceeds(used int64, n int, limit uint64) bool {
	return limit != unix.RLIM_INFINITY && uint64(used)+uint64(n) > limit
}

// statusKiB is a number of /proc/PID/status.
func statusKiB(text []byte, name string) int64 {
	at := bytes.Index(text, []byte(name))
	if at < 0 {
		return 0
	}
	rest := bytes.TrimLeft(text[at+len(name):], " \t")
	end := bytes.IndexByte(rest, ' ')
	n, _ := strconv.ParseInt(string(rest[:max(end, 0)]), 10, 64)
	return n
}

func readNumber(path string) (n int64, known bool) {
	readAll(path, func(part []byte) {
		if !known {
			var err error
			n, err = strconv.ParseInt(string(bytes.TrimSpace(part)), 10, 64)
			known = err == nil
		}
	})
	return n, known
}

// readAll reads a file of procfs in parts of a page each.
func readAll(path string, each func(part []byte)) bool {
	f, err := OpenFile(path, 0, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	var buffer [4096]byte
	for {
		n := 0
		err := retry(func() (err error) { n, err = unix.Read(f.fd(), buffer[:]); return err })
		if err != nil || n <= 0 {
			return err == nil
		}
		each(buffer[:n])
	}
}
