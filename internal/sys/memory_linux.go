package sys

import "golang.org/x/sys/unix"

// Memory returns how much memory and swap space this machine has, in bytes
// (sysinfo(2)).
func Memory() (n int64, known bool) {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0, false
	}
	return (int64(info.Totalram) + int64(info.Totalswap)) * int64(max(info.Unit, 1)), true
}
