//go:build !linux

package observe

import "io/fs"

func ownedByMe(fs.FileInfo) bool { return true }

func unmount(dir string) error { return unsupported("unmounting " + dir) }

func swapOff(path string) error { return unsupported("swap at " + path) }

func removeGroup(dir string) error { return unsupported("the control group " + dir) }
