package sys

// CoherentWrites tells whether a mapping of a file sees what write(2) wrote to it.
// OpenBSD keeps the two apart.
const CoherentWrites = false
