// Package names puts names into JSON without losing any of their bytes.
//
// A file's name, and an argument of a program, is any bytes on most systems. JSON is
// UTF-8: what is none of it is replaced by U+FFFD, so that two files can get the same
// name. Every document of this module therefore has a second field, in base64,
// beside the readable one wherever that is not the whole truth:
//
//	"path": "x\ufffd", "path_base64": "eP8="
//
// A reader that opens the file uses path_base64 where there is one, else path.
package names

import "unicode/utf8"

// Lossless returns the bytes of name where JSON would change them, nil elsewhere:
// for the field NAME_base64 beside a field NAME. encoding/json writes bytes in base64.
func Lossless(name string) []byte {
	if utf8.ValidString(name) {
		return nil
	}
	return []byte(name)
}

// FileName is the name of a file, to be embedded in a document. As a Go value it has all
// bytes; as JSON it is the two fields. Make it by [FileOf].
type FileName struct {
	Path       string `json:"path"`                  // readable: U+FFFD for what is no UTF-8
	PathBase64 []byte `json:"path_base64,omitempty"` // all bytes; only where Path is not
}

// FileOf returns the path with its fields.
func FileOf(path string) FileName { return FileName{path, Lossless(path)} }

// Name returns all bytes, also of a FileName that was read from JSON.
func (p FileName) Name() string {
	if p.PathBase64 != nil {
		return string(p.PathBase64)
	}
	return p.Path
}

// Program is the name of a process, to be embedded like [FileName]. A process can give
// itself any bytes (prctl(2), PR_SET_NAME).
type Program struct {
	Command       string `json:"command"`
	CommandBase64 []byte `json:"command_base64,omitempty"`
}

// ProgramOf returns the name with its fields.
func ProgramOf(command string) Program { return Program{command, Lossless(command)} }

// Words are a command line: in JSON a list of strings, each as far as it is UTF-8.
type Words []string

// Lossless returns all words as bytes where one of them needs it, nil elsewhere: for
// the field NAME_base64 beside a field NAME.
func (w Words) Lossless() [][]byte {
	var all [][]byte
	for _, word := range w {
		if !utf8.ValidString(word) {
			for _, word := range w {
				all = append(all, []byte(word))
			}
			return all
		}
	}
	return nil
}
