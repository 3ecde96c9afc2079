// Command filemap compares read/write with mapping, on a file of its own or on
// yours. Each verb is one file, which has a test script of the same name in
// testdata/script.
package main
