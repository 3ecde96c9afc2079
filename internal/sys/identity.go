package sys

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Identity tells a file from all others of its file system, those included that
// had its number before: the number, and where the system keeps it the time at
// which the file was made. It stays when the file is renamed or changed, and a
// copy has another.
type Identity [24]byte

// Number is the file's number on its file system.
func (id Identity) Number() uint64 { return binary.LittleEndian.Uint64(id[:]) }

// SameBirth tells whether two files were made at the same moment, as far as that
// is known.
func (id Identity) SameBirth(other Identity) bool { return [16]byte(id[8:]) == [16]byte(other[8:]) }

// Same tells whether two identities are of one file, as far as is known: one without
// a time has the number alone.
func (id Identity) Same(other Identity) bool {
	var unknown [16]byte
	return id.Number() == other.Number() &&
		(id.SameBirth(other) || [16]byte(id[8:]) == unknown || [16]byte(other[8:]) == unknown)
}

// String is "inode 12, made 2026-01-02T15:04:05.000000006Z".
func (id Identity) String() string {
	seconds, nanoseconds := binary.LittleEndian.Uint64(id[8:]), binary.LittleEndian.Uint64(id[16:])
	if seconds == 0 && nanoseconds == 0 {
		return fmt.Sprintf("inode %d", id.Number())
	}
	made := birth(int64(seconds), int64(nanoseconds))
	return fmt.Sprintf("inode %d, made %s", id.Number(), made.UTC().Format(time.RFC3339Nano))
}
