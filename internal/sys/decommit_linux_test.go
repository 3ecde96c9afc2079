package sys

// noBatches makes Decommit behave as on a kernel without process_madvise on
// oneself.
var noBatches = func() { noProcessMadvise.Store(true) }

const decommitZeroes = true
