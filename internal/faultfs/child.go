//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"errors"
	"fmt"
	"io/fs"
	"net/rpc"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// childEnv says to a program that it has been started to serve.
const childEnv = "FILEMAP_FAULTFS_CHILD"

// Lifetime is how long a child serves: longer than any test should take.
const Lifetime = 5 * time.Minute

// Main serves a file system if this process has been started for that, and then
// tells with which code to exit. A test program that mounts calls it before
// anything else:
//
//	func init() {
//		if code, child := faultfs.Main(); child {
//			os.Exit(code)
//		}
//	}
func Main() (code int, child bool) {
	if os.Getenv(childEnv) == "" {
		return 0, false
	}
	server := rpc.NewServer()
	if err := server.RegisterName("FS", &control{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.ServeConn(&pipes{os.Stdin, os.Stdout}) // until the parent ends
	}()
	select {
	case <-served:
		return 0, true
	case <-time.After(Lifetime):
		fmt.Fprintln(os.Stderr, "the file system has been mounted for", Lifetime)
		return 1, true
	}
}

// control is what the parent can ask for: package rpc calls its methods. Each
// is called with what it takes and a place for its answer.
type control struct {
	volume *volume
	server *fuse.Server
}

// None is an empty argument or answer.
type None struct{}

// MountArgs are what Mount takes.
type MountArgs struct{ Dir, Backing string }

// MountAnswer says what the system lacks, if that is why it cannot be mounted.
type MountAnswer struct{ Lacks string }

// Mount mounts at Dir what is in Backing.
func (c *control) Mount(args MountArgs, answer *MountAnswer) error {
	store, err := newDirStore(args.Backing)
	if err != nil {
		return err
	}
	faults := newFaults()
	v := &volume{store: newRecorder(store, faults), faults: faults, dir: args.Dir}
	v.root = v.newNode()
	always := time.Duration(0) // ask every time: the directory changes behind the mount
	server, err := fusefs.Mount(args.Dir, v.root, &fusefs.Options{
		EntryTimeout: &always,
		AttrTimeout:  &always,
		MountOptions: fuse.MountOptions{
			FsName:            "faultfs",
			Name:              "faultfs",
			DirectMountStrict: true,
			MaxReadAhead:      1, // less than a page: none
			// Pages stay until they are evicted, whatever times and sizes say.
			ExplicitDataCacheControl: true,
		},
	})
	if missing(err) {
		answer.Lacks = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	c.volume, c.server = v, server
	return nil
}

// missing tells whether err says that this process may not mount FUSE at all.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENODEV)
}

// Script replaces the script. What is to be done now is done when it returns.
func (c *control) Script(text string, _ *None) error {
	script, err := Parse(text)
	if err != nil {
		return err
	}
	isNow := func(r Rule) bool { return r.event() && r.Op == "" }
	c.volume.store.power(true)
	c.volume.faults.load(slices.DeleteFunc(slices.Clone(script), isNow))
	for _, r := range script {
		switch {
		case !isNow(r):
		case r.Effect == PowerCut:
			c.volume.store.power(false)
		default:
			if err := c.volume.truncateNow(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Reset drops the script and the counts.
func (c *control) Reset(None, *None) error {
	c.volume.reset()
	return nil
}

// Release lets go of what is held.
func (c *control) Release(None, *None) error {
	c.volume.faults.letGo()
	return nil
}

// Counts tells what has happened.
func (c *control) Counts(_ None, answer *Counts) error {
	*answer = c.volume.faults.snapshot()
	return nil
}

// Evict has the kernel forget a file's pages.
func (c *control) Evict(name string, _ *None) error { return c.volume.evict(name) }

// Record begins a history.
func (c *control) Record(None, *None) error { return c.volume.store.record() }

// Forget ends it.
func (c *control) Forget(None, *None) error {
	c.volume.store.forget()
	return nil
}

// Mark puts a mark into the history.
func (c *control) Mark(text string, _ *None) error {
	c.volume.store.mark(text)
	return nil
}

// History tells what has been recorded.
func (c *control) History(_ None, answer *History) error {
	*answer = c.volume.store.history()
	return nil
}

// Unmount writes back what is dirty and unmounts; the parent ends the process.
func (c *control) Unmount(None, *None) error {
	c.volume.reset()
	return c.server.Unmount()
}

func splitPath(name string) []string {
	if name = path.Clean(name); name == "." {
		return nil
	}
	return strings.Split(name, "/")
}
