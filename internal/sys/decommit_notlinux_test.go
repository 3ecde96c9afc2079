//go:build !linux

package sys

import "runtime"

var noBatches func()

const decommitZeroes = runtime.GOOS != "windows"
