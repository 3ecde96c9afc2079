package sys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Usage is what a thread or the process has used since it began.
type Usage struct {
	MinorFaults       int64 // page faults without I/O of their own
	MajorFaults       int64 // page faults that had to read
	VoluntarySwitches int64 // times it went to sleep to wait for something
}

// Sub returns what was used between before and u.
func (u Usage) Sub(before Usage) Usage {
	return Usage{
		MinorFaults:       u.MinorFaults - before.MinorFaults,
		MajorFaults:       u.MajorFaults - before.MajorFaults,
		VoluntarySwitches: u.VoluntarySwitches - before.VoluntarySwitches,
	}
}

// TaskIO is what the kernel says about a task's input and output so far, as in
// proc_pid_io(5): through system calls, and from the device.
type TaskIO struct {
	ReadChars, WrittenChars   int64 // bytes that read- and write-like calls moved
	ReadCalls, WriteCalls     int64 // how many of them
	DeviceReadBytes           int64 // bytes it had the device read
	DirtiedBytes              int64 // bytes of pages it made dirty; the device may write more, less, or later
	CancelledDirtyBytes       int64 // bytes of dirty pages that it truncated away
	accountingBytes, answered int64 // what reading these counters added to them
}

// Sub returns what happened between before and t, without what reading before
// itself added to the counters.
func (t TaskIO) Sub(before TaskIO) TaskIO {
	return TaskIO{
		ReadChars:           t.ReadChars - before.ReadChars - before.accountingBytes,
		WrittenChars:        t.WrittenChars - before.WrittenChars,
		ReadCalls:           t.ReadCalls - before.ReadCalls - before.answered,
		WriteCalls:          t.WriteCalls - before.WriteCalls,
		DeviceReadBytes:     t.DeviceReadBytes - before.DeviceReadBytes,
		DirtiedBytes:        t.DirtiedBytes - before.DirtiedBytes,
		CancelledDirtyBytes: t.CancelledDirtyBytes - before.CancelledDirtyBytes,
	}
}

// TaskIOMeter reads a task's counters again and again.
type TaskIOMeter struct {
	file   *os.File
	answer [512]byte
}

// OpenTaskIO opens the counters under proc, usually "/proc": with thread those
// of the calling thread, which must stay locked to its goroutine
// (runtime.LockOSThread), else those of the process.
func OpenTaskIO(proc string, thread bool) (*TaskIOMeter, error) {
	task := "self"
	if thread {
		task = "thread-self"
	}
	f, err := os.Open(filepath.Join(proc, task, "io"))
	if err != nil {
		return nil, err
	}
	return &TaskIOMeter{file: f}, nil
}

// Read returns the counters as they are now.
func (m *TaskIOMeter) Read() (TaskIO, error) {
	n, err := m.file.ReadAt(m.answer[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return TaskIO{}, err
	}
	t, err := parseTaskIO(m.answer[:n])
	// ReadAt asks again after a short answer, to learn that it was the last.
	t.accountingBytes, t.answered = int64(n), 2
	return t, err
}

// Close closes the counters' file.
func (m *TaskIOMeter) Close() error { return m.file.Close() }

func parseTaskIO(text []byte) (TaskIO, error) {
	var t TaskIO
	fields := map[string]*int64{
		"rchar": &t.ReadChars, "wchar": &t.WrittenChars,
		"syscr": &t.ReadCalls, "syscw": &t.WriteCalls,
		"read_bytes": &t.DeviceReadBytes, "write_bytes": &t.DirtiedBytes,
		"cancelled_write_bytes": &t.CancelledDirtyBytes,
	}
	for line := range bytes.Lines(text) {
		name, value, found := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		field, known := fields[string(name)]
		if !found || !known {
			continue // a newer kernel may tell more
		}
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return TaskIO{}, fmt.Errorf("proc io: %q: %w", line, err)
		}
		*field = n
		delete(fields, string(name))
	}
	if len(fields) > 0 {
		return TaskIO{}, fmt.Errorf("proc io: %d of its counters are missing in %q", len(fields), text)
	}
	return t, nil
}
