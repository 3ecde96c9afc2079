package sys

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PerfFaults is a ring buffer of a thread's page faults (perf_event_open(2)):
// where each began and, as events of their own, where each was done, minor or
// major. The kernel tells them without privilege for the faults of user code.
type PerfFaults struct {
	fds  [3]int // all, minor, major
	ids  [3]uint64
	ring []byte
	mask uint64
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

// What a record's ID says it is: index into the ids of [PerfFaults.IDs].
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
	p := &PerfFaults{fds: [3]int{-1, -1, -1}}
	for i := range p.fds {
		fd, err := unix.PerfEventOpen(perfAttr(o, i), o.Thread, o.CPU, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err != nil {
			p.Close()
			return nil, os.NewSyscallError("perf_event_open", err)
		}
		p.fds[i] = fd
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.PERF_EVENT_IOC_ID, uintptr(unsafe.Pointer(&p.ids[i]))); errno != 0 {
			p.Close()
			return nil, os.NewSyscallError("perf_event_open", errno)
		}
	}
	size := (1 + o.RingPages) * PageSize
	ring, err := unix.Mmap(p.fds[0], 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("perf's buffer: %w", err)
	}
	p.ring, p.mask = ring, uint64(o.RingPages*PageSize-1)
	for _, fd := range p.fds[1:] {
		if err := unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_OUTPUT, p.fds[0]); err != nil {
			p.Close()
			return nil, os.NewSyscallError("perf_event_open", err)
		}
	}
	return p, nil
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

// IDs returns by which identifiers records tell what they are.
func (p *PerfFaults) IDs() [3]uint64 { return p.ids }

// Enable begins to record.
func (p *PerfFaults) Enable() error { return p.all(unix.PERF_EVENT_IOC_ENABLE) }

// Disable ends recording; what was recorded can still be drained.
func (p *PerfFaults) Disable() error { return p.all(unix.PERF_EVENT_IOC_DISABLE) }

func (p *PerfFaults) all(request uint) error {
	for _, fd := range p.fds {
		if err := unix.IoctlSetInt(fd, request, 0); err != nil {
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
	for i, fd := range p.fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		p.fds[i] = -1
	}
	runtime.KeepAlive(p)
}

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
