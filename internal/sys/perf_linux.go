package sys

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PerfFaults is a ring buffer of threads' page faults on one processor, or of one
// thread's on any (perf_event_open(2)): where each began and, as events of their own,
// where each was done, minor or major. The kernel tells them without privilege for the
// faults of user code.
type PerfFaults struct {
	events []PerfEvent
	ring   []byte
	mask   uint64
}

// PerfEvent is one thread's source of records. Records tell it by its ID.
type PerfEvent struct {
	Kind   int // PerfFaultBegun, PerfFaultMinor or PerfFaultMajor
	Thread int
	ID     uint64
	fd     int
}

// PerfOptions says whose faults are recorded.
type PerfOptions struct {
	Thread    int  // whose; and, with Inherit, of whoever it makes
	CPU       int  // on which processor; -1 for any, which does not go with Inherit
	Inherit   bool // children and threads that it makes from now on as well
	OnExec    bool // from its next execve(2) on, else from [PerfFaults.Enable] on
	Kernel    bool // faults of the kernel in its name too, which needs privilege
	Mappings  bool // record its mappings, processes and ends too
	RingPages int  // of the buffer, a power of two
}

// What an event tells.
const (
	PerfFaultBegun = iota
	PerfFaultMinor
	PerfFaultMajor
)

var perfConfigs = [3]uint64{
	PerfFaultBegun: unix.PERF_COUNT_SW_PAGE_FAULTS,
	PerfFaultMinor: unix.PERF_COUNT_SW_PAGE_FAULTS_MIN,
	PerfFaultMajor: unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ,
}

// OpenPerfFaults begins to record once enabled. Times are those of
// [MonotonicNow]. Close it.
func OpenPerfFaults(o PerfOptions) (*PerfFaults, error) {
	p := &PerfFaults{}
	if err := p.Add(o); err != nil {
		return nil, err
	}
	size := (1 + o.RingPages) * PageSize
	ring, err := unix.Mmap(p.events[0].fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("perf's buffer: %w", err)
	}
	p.ring, p.mask = ring, uint64(o.RingPages*PageSize-1)
	if err := p.shareRing(p.events[1:]); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Add records the faults of one more thread, on the processor that the buffer is of.
// On an error nothing is added.
func (p *PerfFaults) Add(o PerfOptions) error {
	before := len(p.events)
	err := p.open(o)
	if err == nil && p.ring != nil {
		err = p.shareRing(p.events[before:])
	}
	if err != nil {
		closeEvents(p.events[before:])
		p.events = p.events[:before]
	}
	return err
}

func (p *PerfFaults) open(o PerfOptions) error {
	for kind := range perfConfigs {
		fd, err := unix.PerfEventOpen(perfAttr(o, kind), o.Thread, o.CPU, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			return os.NewSyscallError("perf_event_open", err)
		}
		p.events = append(p.events, PerfEvent{Kind: kind, Thread: o.Thread, fd: fd})
		e := &p.events[len(p.events)-1]
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_ID, uintptr(unsafe.Pointer(&e.ID))); errno != 0 {
			return os.NewSyscallError("perf_event_open", errno)
		}
	}
	return nil
}

func (p *PerfFaults) shareRing(events []PerfEvent) error {
	for _, e := range events {
		if err := unix.IoctlSetInt(e.fd, unix.PERF_EVENT_IOC_SET_OUTPUT, p.events[0].fd); err != nil {
			return os.NewSyscallError("perf_event_open", err)
		}
	}
	return nil
}

func closeEvents(events []PerfEvent) {
	for _, e := range events {
		_ = unix.Close(e.fd)
	}
}

func perfAttr(o PerfOptions, i int) *unix.PerfEventAttr {
	a := &unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_SOFTWARE,
		Config: perfConfigs[i],
		Sample: 1, // every one
		Sample_type: unix.PERF_SAMPLE_IDENTIFIER | unix.PERF_SAMPLE_IP | unix.PERF_SAMPLE_TID |
			unix.PERF_SAMPLE_TIME | unix.PERF_SAMPLE_ADDR,
		Bits: unix.PerfBitDisabled | unix.PerfBitExcludeHv | unix.PerfBitUseClockID |
			unix.PerfBitSampleIDAll,
		Clockid: unix.CLOCK_MONOTONIC,
	}
	a.Size = uint32(unsafe.Sizeof(*a))
	if !o.Kernel {
		a.Bits |= unix.PerfBitExcludeKernel
	}
	if o.Inherit {
		a.Bits |= unix.PerfBitInherit
	}
	if o.OnExec {
		a.Bits |= unix.PerfBitEnableOnExec
	}
	if i == 0 {
		a.Bits |= unix.PerfBitContextSwitch
		if o.Mappings {
			a.Bits |= unix.PerfBitMmap | unix.PerfBitMmapData | unix.PerfBitMmap2 | unix.PerfBitTask | unix.PerfBitComm
		}
	}
	return a
}

// Events returns those whose records are in the buffer.
func (p *PerfFaults) Events() []PerfEvent { return p.events }

// Enable begins to record.
func (p *PerfFaults) Enable() error { return p.all(unix.PERF_EVENT_IOC_ENABLE) }

// Disable ends recording; what was recorded can still be drained.
func (p *PerfFaults) Disable() error { return p.all(unix.PERF_EVENT_IOC_DISABLE) }

func (p *PerfFaults) all(request uint) error {
	for _, e := range p.events {
		if err := unix.IoctlSetInt(e.fd, request, 0); err != nil {
			return err
		}
	}
	return nil
}

// Drain hands every record that is complete to take, which must not keep it,
// and makes room for more. One goroutine at a time.
func (p *PerfFaults) Drain(take func(record []byte)) {
	page := (*unix.PerfEventMmapPage)(unsafe.Pointer(&p.ring[0]))
	data := p.ring[PageSize:]
	head, tail := atomic.LoadUint64(&page.Data_head), page.Data_tail
	var joined []byte
	for tail < head {
		at := tail & p.mask
		size := uint64(nativeUint16(data[(at+6)&p.mask:])) // perf_event_header.size
		if size < 8 || size > head-tail {
			tail = head // the kernel never writes such
			break
		}
		record := data[at:]
		if uint64(len(record)) < size { // it goes on at the buffer's beginning
			joined = append(append(joined[:0], record...), data[:size-uint64(len(record))]...)
			record = joined
		}
		take(record[:size])
		tail += size
	}
	atomic.StoreUint64(&page.Data_tail, tail)
}

// nativeUint16 reads a record's size. Records are multiples of 8 bytes, so that
// a header lies in one piece.
func nativeUint16(b []byte) uint16 { return *(*uint16)(unsafe.Pointer(&b[0])) }

// Close ends recording and gives everything back.
func (p *PerfFaults) Close() {
	if p.ring != nil {
		_ = unix.Munmap(p.ring)
		p.ring = nil
	}
	closeEvents(p.events)
	p.events = nil
}

// NoSuchProcess tells whether a process or thread has ended, or never was (ESRCH).
func NoSuchProcess(err error) bool { return errors.Is(err, unix.ESRCH) }

// PerfForbidden tells whether err is a refusal that privilege, or another setting
// of kernel.perf_event_paranoid, would lift.
func PerfForbidden(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// MonotonicNow is CLOCK_MONOTONIC, in nanoseconds.
func MonotonicNow() (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, err
	}
	return now.Nano(), nil
}
