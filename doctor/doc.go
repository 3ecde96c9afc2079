// Package doctor tells what this kernel lets this user do with mapped files, what
// is set unwisely for them on this machine, and what to change.
//
//	examine.go   Examine, and the report
//	abilities.go what can be done, found by trying it
//	settings.go  what is set: /proc/sys, /sys, limits, swap, cgroups
//	findings.go  what of that is unwise, and what to change
//	file.go      a file's own file system and device
//	folios.go    whether that keeps files in folios larger than a page
//
// Everything is read from files under two roots, so that it can be examined from a
// copy of another machine's. Nothing is changed; beside a file that is examined one
// without a name is made for a moment.
package doctor
