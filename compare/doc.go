// Package compare measures read/write against mapping on one file.
package compare
