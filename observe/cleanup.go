package observe

import (
	"errors"
	"strings"

	"github.com/filemap-go/filemap/internal/undo"
)

// CleanUp undoes what runs of this user that were killed have left: mounts, tracefs
// instances, control groups, swap files, copies. It returns what it undid, in words.
// What cannot be undone is an error once, and is tried again by the next; it keeps no
// trace from being made. Every trace begins with it.
func CleanUp() ([]string, error) {
	left := undo.CleanUp()
	if len(left.Stays) > 0 {
		return left.Undone, &Error{Op: "clean up", Path: "what killed runs have left", Err: errors.New(strings.Join(left.Stays, "; "))}
	}
	return left.Undone, nil
}
