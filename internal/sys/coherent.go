//go:build !openbsd

package sys

// CoherentWrites tells whether a mapping of a file sees what write(2) wrote to it.
const CoherentWrites = true
