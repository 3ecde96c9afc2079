//go:build linux || darwin || freebsd || netbsd || dragonfly

package filemap_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filemap-go/filemap"
)

// A child writes generations, says after each that its Commit has returned, and is
// killed at a random moment. Afterwards the file must hold one generation, whole,
// and not an older one than the child last spoke of.
//
// FILEMAP_KILLS says how many children are killed; .ci/run has a thousand.

const (
	generationPages = 128
	crashEnv        = "FILEMAP_CRASH_CHILD" // the kind of writer and the path
)

func init() {
	kind, path, child := strings.Cut(os.Getenv(crashEnv), " ")
	if !child {
		return
	}
	if err := crashChild(kind, path); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// kills is how many there are to be; a handful unless the environment says more.
func kills(t *testing.T) int {
	n := 8
	if text := os.Getenv("FILEMAP_KILLS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("FILEMAP_KILLS: %v", err)
		}
	}
	return n
}

// A page of a generation: its number and the generation that wrote it, then bytes
// that follow from both. The first page has a checksum of all others as well.
const (
	pageGeneration = 0
	pageNumber     = 8
	pageSum        = 16
	pageFill       = 24
)

func fillPage(b []byte, generation, number uint64) {
	binary.LittleEndian.PutUint64(b[pageGeneration:], generation)
	binary.LittleEndian.PutUint64(b[pageNumber:], number)
	clear(b[pageSum:pageFill])
	seed := byte(generation*7 + number)
	for i := pageFill; i < len(b); i++ {
		b[i] = seed + byte(i)
	}
}

// writeGeneration stores the next generation: some of the pages, and the first.
func writeGeneration(b []byte, generation uint64, random *rand.Rand) {
	page := filemap.PageBytes()
	for range 1 + random.IntN(generationPages/2) {
		n := 1 + random.IntN(generationPages-1)
		fillPage(b[n*page:(n+1)*page], generation, uint64(n))
	}
	fillPage(b[:page], generation, 0)
	binary.LittleEndian.PutUint64(b[pageSum:], uint64(crc32.ChecksumIEEE(b[page:])))
}

// checkGeneration tells which generation the bytes are, if they are one.
func checkGeneration(b []byte) (uint64, error) {
	page := filemap.PageBytes()
	if len(b) != generationPages*page {
		return 0, fmt.Errorf("%d bytes", len(b))
	}
	generation := binary.LittleEndian.Uint64(b)
	if want := binary.LittleEndian.Uint64(b[pageSum:]); want != uint64(crc32.ChecksumIEEE(b[page:])) {
		return 0, fmt.Errorf("the pages are not those that generation %d committed", generation)
	}
	for n := range generationPages {
		if err := checkPage(b[n*page:(n+1)*page], n); err != nil {
			return 0, err
		}
	}
	return generation, nil
}

// checkPage tells whether a page is whole, and in its place.
func checkPage(b []byte, n int) error {
	mine := bytes.Clone(b)
	clear(mine[pageSum:pageFill])
	want := make([]byte, len(b))
	fillPage(want, binary.LittleEndian.Uint64(b), uint64(n))
	if !bytes.Equal(mine, want) {
		return fmt.Errorf("page %d is torn", n)
	}
	return nil
}

// newGenerations makes a file of generation 0.
func newGenerations(t *testing.T, dir string) string {
	t.Helper()
	page := filemap.PageBytes()
	b := make([]byte, generationPages*page)
	for n := range generationPages {
		fillPage(b[n*page:(n+1)*page], 0, uint64(n))
	}
	binary.LittleEndian.PutUint64(b[pageSum:], uint64(crc32.ChecksumIEEE(b[page:])))
	path := filepath.Join(dir, "generations")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// crashChild writes generations until it is killed.
func crashChild(kind, path string) error {
	switch kind {
	case "synced":
		return syncedChild(path)
	case "appended":
		return appendedChild(path)
	case "logged":
		return loggedChild(path)
	}
	options := []filemap.Option{filemap.ReadWrite, filemap.Atomic}
	if kind == "staged" {
		options[1] = filemap.Staged
	}
	m, err := filemap.Open(path, options...)
	if err != nil {
		return err
	}
	if kind == "broken" {
		m.LeaveJournalOut()
	}
	generation := newestPage(m.Bytes())
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(os.Getpid())))
	for {
		generation++
		if kind == "staged" {
			err = storePage(m, generation)
		} else {
			err = m.Update(0, filemap.ToEnd, func(b []byte) error {
				writeGeneration(b, generation, random)
				return nil
			})
		}
		if err == nil {
			err = m.Sync()
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Println(generation); err != nil {
			return err
		}
	}
}

// newestPage is the last generation that wrote any of the pages.
func newestPage(b []byte) uint64 {
	newest := uint64(0)
	for at := 0; at < len(b); at += filemap.PageBytes() {
		newest = max(newest, binary.LittleEndian.Uint64(b[at:]))
	}
	return newest
}

// storePage is a generation of the staged writer: one page, one after the other.
func storePage(m *filemap.Map, generation uint64) error {
	page := make([]byte, filemap.PageBytes())
	n := generation % generationPages
	fillPage(page, generation, n)
	_, err := m.WriteAt(page, int64(n)*int64(len(page)))
	return err
}

// crashOnce starts a child, kills it a random time after its first generation, or
// now and then after its start, in a recovery perhaps, and returns the last
// generation that it spoke of; or the one before when it spoke of none.
func crashOnce(kind, path string, before uint64) (spoken uint64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), crashEnv+"="+kind+" "+path)
	out, err := child.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := child.Start(); err != nil {
		return 0, err
	}
	spoken = before
	lines := bufio.NewScanner(out)
	var kill *time.Timer
	killAfter := func(most time.Duration) {
		kill = time.AfterFunc(rand.N(most), func() { _ = child.Process.Kill() })
	}
	if rand.IntN(4) == 0 {
		killAfter(20 * time.Millisecond)
	}
	for lines.Scan() {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			_ = child.Process.Kill()
			_ = child.Wait()
			return 0, errors.New(lines.Text())
		}
		if spoken = n; kill == nil {
			killAfter(8 * time.Millisecond)
		}
	}
	_ = child.Wait() // it was killed
	if kill == nil {
		return 0, errors.New("the child ended before its first generation")
	}
	return spoken, nil
}

// crashDir is a directory on a device, or in memory, where more commits are hit.
func crashDir(t *testing.T, worker int) string {
	const memory = "/dev/shm"
	if worker%2 == 0 {
		if dir, err := os.MkdirTemp(memory, "filemap-crash"); err == nil {
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			return dir
		}
	}
	return t.TempDir()
}

// crashMany kills children of a kind, in parallel, and calls check after each.
func crashMany(t *testing.T, kind string, n int, check func(path string, spoken uint64) (uint64, error)) {
	const workers = 4
	var all sync.WaitGroup
	for w := range workers {
		path := newGenerations(t, crashDir(t, w))
		all.Go(func() {
			last := uint64(0)
			for i := w; i < n && !t.Failed(); i += workers {
				spoken, err := crashOnce(kind, path, last)
				if err == nil {
					last, err = check(path, spoken)
				}
				if err != nil {
					t.Errorf("kill %d: %v", i, err)
				}
			}
			t.Logf("%s: generation %d", path, last)
		})
	}
	all.Wait()
}

// checkCrashed checks the file of an Atomic writer that was killed.
func checkCrashed(path string, spoken uint64) (uint64, error) {
	// As a reader sees it before anybody has recovered it.
	p := make([]byte, generationPages*filemap.PageBytes())
	if _, err := filemap.ReadCommitted(context.Background(), path, p, 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	read, err := checkGeneration(p)
	if err != nil {
		return 0, fmt.Errorf("read before the recovery: %w", err)
	}
	m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	if err != nil {
		return 0, err
	}
	found, err := checkGeneration(m.Bytes())
	if err = errors.Join(err, m.Close()); err != nil {
		return 0, err
	}
	if found < spoken || found > spoken+1 || read != found {
		return 0, fmt.Errorf("the file has generation %d, a reader saw %d; %d was the last whose commit returned", found, read, spoken)
	}
	return found, nil
}

func TestKilledAtomic(t *testing.T) {
	crashMany(t, "atomic", kills(t), checkCrashed)
}

// What a Staged writer has synced is there; the rest is of no generation's.
func TestKilledStaged(t *testing.T) {
	crashMany(t, "staged", kills(t)/2, func(path string, spoken uint64) (uint64, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		page := filemap.PageBytes()
		for n := range generationPages {
			p := b[n*page : (n+1)*page]
			has := binary.LittleEndian.Uint64(p)
			if err := checkPage(p, n); err != nil {
				return 0, err
			}
			// The last of the generations up to spoken that wrote this page.
			var wrote uint64
			if back := (spoken - uint64(n)) % generationPages; back <= spoken {
				wrote = spoken - back
			}
			if has < wrote {
				return 0, fmt.Errorf("page %d has generation %d, %d was synced", n, has, wrote)
			}
		}
		return newestPage(b), nil
	})
}

// A Commit without its journal is found out.
func TestKilledWithoutJournal(t *testing.T) {
	if os.Getenv("FILEMAP_EMULATOR") != "" {
		t.Skip("needs a processor that is not emulated, to be killed in the middle of a commit")
	}
	path := newGenerations(t, crashDir(t, 0))
	var last uint64
	for i := range 2000 {
		spoken, err := crashOnce("broken", path, last)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if last, err = checkGeneration(b); err != nil {
			t.Logf("kill %d, after generation %d: %v", i+1, spoken, err)
			return
		}
	}
	t.Error("2000 kills have not shown that the journal is left out")
}

// syncedChild stores the generation to one page after the other of a shared mapping
// of a file that it has made, and syncs each.
func syncedChild(path string) error {
	m, err := filemap.Create(path, int64(generationPages*filemap.PageBytes()))
	if err != nil {
		return err
	}
	for generation := uint64(1); ; generation++ {
		off := int64(generation%generationPages) * int64(filemap.PageBytes())
		if err := filemap.Store(m, off, generation); err != nil {
			return err
		}
		if err := m.Sync(); err != nil {
			return err
		}
		if _, err := fmt.Println(generation); err != nil {
			return err
		}
	}
}

// appendedChild appends records, of lengths that their numbers say, and syncs now
// and then.
func appendedChild(path string) error {
	m, err := filemap.Create(path, 0, filemap.Reserve(32<<20))
	if err != nil {
		return err
	}
	for number := uint64(1); m.Len() < 31<<20; number++ {
		if _, err := m.Append(appendedRecord(number)); err != nil {
			return err
		}
		if number%16 != 0 {
			continue
		}
		if err := m.Sync(); err != nil {
			return err
		}
		if _, err := fmt.Println(number); err != nil {
			return err
		}
	}
	time.Sleep(time.Minute) // until it is killed
	return nil
}

// appendedRecord is a record: its checksum, number, and bytes.
func appendedRecord(number uint64) []byte {
	b := make([]byte, 12+number*37%500)
	binary.LittleEndian.PutUint64(b[4:], number)
	for i := range b[12:] {
		b[12+i] = byte(number) + byte(i)
	}
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[4:]))
	return b
}
