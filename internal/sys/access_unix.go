//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// MatchAccess gives f the owner, the group and the permission bits of like, as far
// as this process may (fchown(2), fchmod(2)): never more for anybody than like
// allows. Where the group cannot be had, the group may do what everybody may.
func (f File) MatchAccess(like File) error {
	var want, have unix.Stat_t
	if err := unix.Fstat(like.fd(), &want); err != nil {
		return err
	}
	if err := unix.Fstat(f.fd(), &have); err != nil {
		return err
	}
	if have.Uid != want.Uid || have.Gid != want.Gid {
		// Both, or the group alone, which needs no privilege in a group of one's own.
		if unix.Fchown(f.fd(), int(want.Uid), int(want.Gid)) != nil {
			_ = unix.Fchown(f.fd(), -1, int(want.Gid)) // looked at below
		}
		if err := unix.Fstat(f.fd(), &have); err != nil {
			return err
		}
	}
	mode := uint32(want.Mode) & 0o666
	if have.Gid != want.Gid {
		mode = mode&^0o060 | mode&0o006<<3
	}
	if uint32(have.Mode)&0o7777 == mode {
		return nil
	}
	return retry(func() error { return unix.Fchmod(f.fd(), mode) })
}
