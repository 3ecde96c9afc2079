//go:build ignore

// Probe does nothing, successfully: where a program built as this one is runs, so
// do the tests.
package main

func main() {}
