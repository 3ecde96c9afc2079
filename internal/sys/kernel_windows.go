package sys

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// KernelRelease returns the version of Windows as RtlGetVersion has it.
func KernelRelease() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("%d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
