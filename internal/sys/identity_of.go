//go:build unix || windows

package sys

import "encoding/binary"

func identity(number uint64, seconds, nanoseconds int64) Identity {
	var id Identity
	binary.LittleEndian.PutUint64(id[:], number)
	binary.LittleEndian.PutUint64(id[8:], uint64(seconds))
	binary.LittleEndian.PutUint64(id[16:], uint64(nanoseconds))
	return id
}
