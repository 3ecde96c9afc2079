package sys

import "golang.org/x/sys/unix"

// searchOnly opens a directory in which names can be looked up, and no more.
const searchOnly = unix.O_PATH

func renameNew(dir int, from, to string) error {
	return unix.Renameat2(dir, from, dir, to, unix.RENAME_NOREPLACE)
}
