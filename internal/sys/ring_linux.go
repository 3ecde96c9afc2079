package sys

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is an io_uring(7): reads and writes are queued by a store to memory, begun
// many at a time by one system call, and their results are read from memory.
//
//	                 shared with the kernel
//	Read, Write ──► [ submission queue ] ──Submit (io_uring_enter)──► device
//	Reap        ◄── [ completion queue ] ◄───────────────────────────────┘
//	Wait        ◄── epoll: the completion queue is not empty
//
// Waiting goes through the Go runtime's poller, so that no thread is blocked:
// completions wake one goroutine, as a network connection would.
//
// The caller sees to it that one goroutine at a time queues, one submits, and one
// reaps (they may be three), and that no more than Depth operations are between
// queueing and reaping.
type Ring struct {
	file  *os.File // the ring's descriptor, in the poller
	fd    uintptr
	rings unsafe.Pointer // both queues' heads and tails, and the completions
	size  uintptr
	slots unsafe.Pointer // the submissions
	room  uintptr

	submission struct {
		head, tail *uint32
		mask       uint32
		entries    []submission
	}
	completion struct {
		head, tail *uint32
		mask       uint32
		entries    []completion
	}
}

// submission is struct io_uring_sqe of linux/io_uring.h.
type submission struct {
	opcode, flags uint8
	ioprio        uint16
	fd            int32
	off           uint64
	addr          uint64
	length        uint32
	rwFlags       uint32
	tag           uint64 // user_data
	_             [3]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	tag    uint64 // user_data
	result int32
	flags  uint32
}

// ringParams is struct io_uring_params.
type ringParams struct {
	submissions, completions, flags, threadCPU, threadIdle, features, workers uint32
	_                                                                         [3]uint32
	submission                                                                struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	completion struct {
		head, tail, mask, entries, overflow, entriesAt, flags, _ uint32
		_                                                        uint64
	}
}

const (
	ringSubmissionsAt = 0x10000000 // IORING_OFF_SQES
	ringSingleMap     = 1 << 0     // IORING_FEAT_SINGLE_MMAP, Linux 5.4
	ringReadWrite     = 1 << 3     // IORING_FEAT_RW_CUR_POS: came with IORING_OP_READ, Linux 5.6
	ringOpRead        = 22         // IORING_OP_READ
	ringOpWrite       = 23         // IORING_OP_WRITE
)

var noRings atomic.Bool // it is known that this process gets none

// NewRing makes a ring for that many operations at once, a power of two up to
// 4096 (io_uring_setup(2)). Where the kernel has none (before Linux 5.6), or a
// policy forbids it (seccomp, kernel.io_uring_disabled), the error is an
// [Unsupported].
func NewRing(depth int) (*Ring, error) {
	if noRings.Load() {
		return nil, unsupported("io_uring (the kernel has none, or a policy forbids it)")
	}
	var p ringParams
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(depth), uintptr(unsafe.Pointer(&p)), 0)
	switch {
	case errno == unix.ENOSYS || errno == unix.EPERM || errno == unix.EACCES:
		noRings.Store(true)
		return NewRing(depth)
	case errno != 0:
		return nil, errno // too many descriptors, too little memory: may be otherwise next time
	}
	if p.features&ringSingleMap == 0 || p.features&ringReadWrite == 0 {
		noRings.Store(true)
		_, err := NewRing(depth)
		return nil, errors.Join(err, unix.Close(int(fd)))
	}
	r := &Ring{fd: fd}
	if err := r.open(&p); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Ring) open(p *ringParams) (err error) {
	const flags = unix.MAP_SHARED | unix.MAP_POPULATE
	r.size = max(uintptr(p.submission.array)+4*uintptr(p.submissions),
		uintptr(p.completion.entriesAt)+unsafe.Sizeof(completion{})*uintptr(p.completions))
	r.room = unsafe.Sizeof(submission{}) * uintptr(p.submissions)
	if r.rings, err = unix.MmapPtr(int(r.fd), 0, nil, r.size, unix.PROT_READ|unix.PROT_WRITE, flags); err != nil {
		return err
	}
	if r.slots, err = unix.MmapPtr(int(r.fd), ringSubmissionsAt, nil, r.room, unix.PROT_READ|unix.PROT_WRITE, flags); err != nil {
		return err
	}
	at := func(offset uint32) *uint32 { return (*uint32)(unsafe.Add(r.rings, offset)) }
	s, c := &r.submission, &r.completion
	s.head, s.tail, s.mask = at(p.submission.head), at(p.submission.tail), *at(p.submission.mask)
	c.head, c.tail, c.mask = at(p.completion.head), at(p.completion.tail), *at(p.completion.mask)
	s.entries = unsafe.Slice((*submission)(r.slots), p.submissions)
	c.entries = unsafe.Slice((*completion)(unsafe.Add(r.rings, p.completion.entriesAt)), p.completions)
	// The kernel takes submissions by way of this array: always in order here.
	for i, places := 0, unsafe.Slice(at(p.submission.array), p.submissions); i < len(places); i++ {
		places[i] = uint32(i)
	}
	if err := unix.SetNonblock(int(r.fd), true); err != nil { // so that os.File uses the poller
		return err
	}
	r.file = os.NewFile(r.fd, "io_uring")
	return nil
}

// Depth is how many operations may be under way.
func (r *Ring) Depth() int { return len(r.submission.entries) }

// Read queues a read of len(p) bytes at off. tag comes back with its result. p
// must be kept, and kept in place, until then: it may not be on a stack.
func (r *Ring) Read(f File, p []byte, off int64, tag uint64) { r.queue(ringOpRead, f, p, off, tag) }

// Write queues a write of p at off.
func (r *Ring) Write(f File, p []byte, off int64, tag uint64) { r.queue(ringOpWrite, f, p, off, tag) }

func (r *Ring) queue(opcode uint8, f File, p []byte, off int64, tag uint64) {
	s := &r.submission
	tail := atomic.LoadUint32(s.tail)
	s.entries[tail&s.mask] = submission{
		opcode: opcode, fd: int32(f.fd()), off: uint64(off), tag: tag,
		addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))), length: uint32(min(len(p), 1<<30)),
	}
	atomic.StoreUint32(s.tail, tail+1)
}

// Submit begins the n operations that were queued first and not submitted yet
// (io_uring_enter(2)). With an error some may have been begun; [Ring.Withdraw]
// tells which were not.
func (r *Ring) Submit(n int) error {
	for n > 0 {
		begun, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, r.fd, uintptr(n), 0, 0, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN || errno == unix.EBUSY: // short of memory for the moment
			runtime.Gosched()
		case errno != 0:
			return errno
		case begun == 0:
			return unix.EINVAL // nothing there to begin
		default:
			n -= int(begun)
		}
	}
	return nil
}

// Withdraw takes back what is queued and was not begun, and calls withdrawn with
// the tag of each. Nobody may queue or submit meanwhile.
func (r *Ring) Withdraw(withdrawn func(tag uint64)) {
	s := &r.submission
	head, tail := atomic.LoadUint32(s.head), atomic.LoadUint32(s.tail)
	atomic.StoreUint32(s.tail, head)
	for ; head != tail; head++ {
		withdrawn(s.entries[head&s.mask].tag)
	}
}

// Reap calls done for each operation that has ended, with the number of bytes or
// the error, and returns how many there were. It makes no system call.
func (r *Ring) Reap(done func(tag uint64, n int, err error)) int {
	c := &r.completion
	head, tail := atomic.LoadUint32(c.head), atomic.LoadUint32(c.tail)
	count := int(tail - head)
	for ; head != tail; head++ {
		e := c.entries[head&c.mask]
		if e.result < 0 {
			done(e.tag, 0, unix.Errno(-e.result))
		} else {
			done(e.tag, int(e.result), nil)
		}
	}
	atomic.StoreUint32(c.head, tail)
	return count
}

// Wait calls reap whenever operations have ended, until the ring is closed. It
// occupies a goroutine and no thread.
func (r *Ring) Wait(reap func()) {
	conn, err := r.file.SyscallConn()
	if err == nil {
		_ = conn.Read(func(uintptr) bool { // ends with os.ErrClosed
			reap()
			return false
		})
	}
}

// Close ends Wait and gives the ring up. No operation may be under way; the
// memory goes with [Ring.Release], when Wait has returned.
func (r *Ring) Close() error {
	if r.file != nil {
		return r.file.Close()
	}
	return errors.Join(unix.Close(int(r.fd)), r.Release())
}

// Release unmaps the queues.
func (r *Ring) Release() error {
	var err error
	if r.slots != nil {
		err = unix.MunmapPtr(r.slots, r.room)
	}
	if r.rings != nil {
		err = errors.Join(err, unix.MunmapPtr(r.rings, r.size))
	}
	r.slots, r.rings = nil, nil
	return err
}

// TryAgain tells whether an operation of a ring did not fail but was not done,
// since the thread that submitted it has ended or a signal came: do it again.
func TryAgain(err error) bool {
	return errors.Is(err, unix.ECANCELED) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN)
}
