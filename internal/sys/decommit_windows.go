package sys

import (
	"golang.org/x/sys/windows"
)

var procDiscardVirtualMemory = kernel32.NewProc("DiscardVirtualMemory") // Windows 8.1

// Decommit gives the memory of ranges of anonymous regions back and keeps their
// addresses, readable and writable; what is read there afterwards is not defined
// (DiscardVirtualMemory). The system goes on counting them against the page file.
func Decommit(ranges []Range) error {
	if err := procDiscardVirtualMemory.Find(); err != nil {
		return unsupported("giving memory back")
	}
	for _, r := range ranges {
		code, _, _ := procDiscardVirtualMemory.Call(r.Region.Addr()+uintptr(r.Off), uintptr(r.N))
		if code != 0 {
			return windows.Errno(code)
		}
	}
	return nil
}
