package sys

// ReadUsage is unsupported: Windows counts faults without telling those that
// read from those that did not.
func ReadUsage(bool) (Usage, error) {
	return Usage{}, unsupported("a count of minor and major faults")
}
