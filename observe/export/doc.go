// Package export writes a trace: as JSON, as text for a terminal, and as one
// self-contained HTML page.
package export
