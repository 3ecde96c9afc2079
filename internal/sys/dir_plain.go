//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package sys

import "errors"

func syncDir(path string) error {
	dir, err := OpenFile(path, 0, 0)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
