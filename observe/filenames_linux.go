package observe

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/filemap-go/filemap/internal/sys"
)

// fileNames finds the paths of files that the kernel names by number only.
type fileNames struct {
	proc  string
	named map[fileKey]string // of the command line
	goes  map[string]bool    // whether a program is written in Go
	tries int
}

// newFileNames knows the files that the command line names.
func newFileNames(proc string, command []string) *fileNames {
	n := &fileNames{proc: proc, named: map[fileKey]string{}, goes: map[string]bool{}}
	for _, word := range command {
		if path, err := filepath.Abs(word); err == nil && word != "" {
			n.note(path, path)
		}
	}
	return n
}

// note keeps the path of the file that at leads to.
func (n *fileNames) note(at, path string) {
	st, err := os.Stat(at)
	if err != nil || !st.Mode().IsRegular() {
		return
	}
	if major, minor, inode, known := sys.InodeOf(st); known && len(n.named) < mostFiles {
		n.named[fileKey{major, minor, inode, ""}] = path
	}
}

// mostTries bounds how often the descriptors of threads are looked at.
const mostTries = 1 << 12

// find looks at what a thread has open. It is asked while the thread reads the file,
// or a moment later; what was closed by then has no name.
func (n *fileNames) find(key fileKey, thread int) string {
	if path := n.named[key]; path != "" {
		return path
	}
	if n.tries < mostTries {
		n.tries++
		dir := filepath.Join(n.proc, strconv.Itoa(thread), "fd")
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			at := filepath.Join(dir, e.Name())
			if path, err := os.Readlink(at); err == nil && filepath.IsAbs(path) {
				n.note(at, path)
			}
		}
	}
	if path := n.named[key]; path != "" {
		return path
	}
	return fmt.Sprintf("[inode %d of device %d:%d]", key.inode, key.major, key.minor)
}

// isGo tells whether the program or library that a process maps is written in Go, by
// the build information that the linker puts in.
func (n *fileNames) isGo(pid int32, path string) bool {
	is, known := n.goes[path]
	if known || !filepath.IsAbs(path) || len(n.goes) >= mostFiles {
		return is
	}
	for _, at := range []string{filepath.Join(n.proc, strconv.Itoa(int(pid)), "root", path), path} {
		if st, err := os.Stat(at); err != nil || !st.Mode().IsRegular() {
			continue
		}
		_, err := buildinfo.ReadFile(at)
		is = err == nil
		break
	}
	n.goes[path] = is
	return is
}
