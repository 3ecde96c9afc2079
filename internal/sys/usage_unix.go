//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

func rusage(who int) (Usage, error) {
	var ru unix.Rusage
	if err := unix.Getrusage(who, &ru); err != nil {
		return Usage{}, err
	}
	return Usage{
		MinorFaults:       int64(ru.Minflt),
		MajorFaults:       int64(ru.Majflt),
		VoluntarySwitches: int64(ru.Nvcsw),
	}, nil
}
