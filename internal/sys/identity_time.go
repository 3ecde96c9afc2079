//go:build !windows

package sys

import "time"

func birth(seconds, nanoseconds int64) time.Time { return time.Unix(seconds, nanoseconds) }
