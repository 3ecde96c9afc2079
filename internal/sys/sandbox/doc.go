// Package sandbox has the kernel refuse system calls to this process, as container
// engines do. Only tests import it.
package sandbox
