//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ProbeTells tells whether [Region.Probe] of a store knows a page that cannot be
// provided from one that may only be read.
const ProbeTells = false

// UnknownAdvice tells whether err is how this kernel says that it does not know
// an advice that newer ones do.
func UnknownAdvice(err error) bool { return errors.Is(err, unix.EINVAL) }

// Probe finds out whether a load (or, with write, a store) at off would work. No
// system call tells, so it does one, where a fault is a panic that it recovers
// from. The store adds nothing to the word, atomically, so that nobody's bytes
// change.
func (r Region) Probe(off int, write bool) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = ErrBus
		}
	}()
	word := (*uint32)(unsafe.Add(r.base, off&^3))
	if write {
		atomic.AddUint32(word, 0)
	} else {
		atomic.LoadUint32(word)
	}
	return nil
}
