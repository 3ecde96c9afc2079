package sys

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

func openHandles() int {
	var count uint32
	ok, _, _ := kernel32.NewProc("GetProcessHandleCount").Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&count)))
	if ok != 0 && count != 0 {
		return int(count)
	}
	return listedHandles() // Wine only pretends to have GetProcessHandleCount
}

// listedHandles counts this process's handles among the whole system's.
func listedHandles() int {
	type entry struct {
		_     uintptr
		owner uintptr
		_     uintptr
		_     uint32
		_, _  uint16
		_, _  uint32
	}
	for size := 1 << 16; size < 1<<28; size *= 2 {
		buffer := make([]uintptr, size/int(unsafe.Sizeof(uintptr(0))))
		err := windows.NtQuerySystemInformation(windows.SystemExtendedHandleInformation, unsafe.Pointer(&buffer[0]), uint32(size), nil)
		if errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) {
			continue
		}
		if err != nil {
			return 0
		}
		count := 0
		for _, e := range unsafe.Slice((*entry)(unsafe.Pointer(&buffer[2])), buffer[0]) {
			if e.owner == uintptr(os.Getpid()) {
				count++
			}
		}
		return count
	}
	return 0
}
