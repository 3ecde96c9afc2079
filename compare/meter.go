package compare

import (
	"errors"
	"fmt"

	"github.com/filemap-go/filemap/internal/sys"
)

// Where the kernel's own files are.
const (
	procRoot = "/proc"
	sysRoot  = "/sys"
)

// meter reads the kernel's counters before and after a sample. With one
// goroutine they are those of its thread, so that nothing else of the process is
// counted; with several those of the process.
type meter struct {
	thread     bool
	device     bool // count what the device writes
	io         *sys.TaskIOMeter
	fileSystem sys.FileSystem

	usageErr, ioErr, deviceErr error // why a counter cannot be read
}

// reading are the counters at one moment.
type reading struct {
	usage  sys.Usage
	io     sys.TaskIO
	device sys.DeviceIO
}

// newMeter finds out which counters there are. The goroutine must be locked to
// its thread.
func newMeter(file sys.File, goroutines int, durable bool) *meter {
	m := &meter{thread: goroutines == 1, device: durable}
	_, m.usageErr = sys.ReadUsage(m.thread)
	if m.io, m.ioErr = sys.OpenTaskIO(procRoot, m.thread); m.ioErr == nil {
		_, m.ioErr = m.io.Read()
	}
	m.fileSystem, m.deviceErr = file.FileSystem()
	switch {
	case !durable:
		m.deviceErr = errors.New("without --durable the kernel writes when it likes, after the run")
	case m.deviceErr == nil:
		_, m.deviceErr = m.fileSystem.DeviceIO(sysRoot)
	}
	if m.deviceErr == nil {
		return m
	}
	m.device = false
	return m
}

// read looks at all counters. A counter that could be read before and cannot now
// is from then on withheld.
func (m *meter) read() reading {
	var r reading
	if m.usageErr == nil {
		r.usage, m.usageErr = sys.ReadUsage(m.thread)
	}
	if m.device {
		r.device, m.deviceErr = m.fileSystem.DeviceIO(sysRoot)
		m.device = m.deviceErr == nil
	}
	if m.ioErr == nil {
		r.io, m.ioErr = m.io.Read()
	}
	return r
}

func (m *meter) close() error {
	if m.io == nil {
		return nil
	}
	return m.io.Close()
}

// spent is what one run cost, besides time.
type spent struct {
	minor, major, sleeps      float64
	calls, copied             float64
	deviceRead, deviceWritten float64
}

// spent divides the difference of two readings, and what the contender counted
// itself, by the runs in between.
func (m *meter) spent(before, after reading, j *job, runs int) spent {
	n := float64(runs)
	u, io := after.usage.Sub(before.usage), after.io.Sub(before.io)
	s := spent{
		minor:         float64(u.MinorFaults) / n,
		major:         float64(u.MajorFaults) / n,
		sleeps:        float64(u.VoluntarySwitches) / n,
		deviceRead:    float64(io.DeviceReadBytes) / n,
		deviceWritten: float64(after.device.WrittenBytes-before.device.WrittenBytes) / n,
	}
	for _, share := range j.shares {
		s.calls += float64(share.calls) / n
		s.copied += float64(share.copied) / n
	}
	return s
}

// withheld lists the counters that cannot be read, and why.
func (m *meter) withheld() []Withheld {
	var list []Withheld
	add := func(err error, why string, fields ...string) {
		for _, field := range fields {
			if err != nil {
				list = append(list, Withheld{"results[]." + field, fmt.Sprintf("%s%v", why, err)})
			}
		}
	}
	add(m.usageErr, "getrusage: ", "faults_minor", "faults_major", "sleeps")
	add(m.ioErr, "the task's I/O counters: ", "device_read_bytes", "read_amplification")
	if m.device {
		return list
	}
	add(m.deviceErr, "", "device_write_bytes")
	return list
}
