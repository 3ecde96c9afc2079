package comparison

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// cellPages is how many pages the file of a cell has.
const cellPages = 16

func mishaps() []mishap {
	return []mishap{
		{"truncated", truncated},
		{"io-error", ioError},
		{"disk-full", diskFull},
		{"use-after-close", useAfterClose},
		{"double-close", doubleClose},
		{"close-during-reads", closeDuringReads},
		{"stale-slice", staleSlice},
	}
}

// loadPage loads a page and checks what came.
func loadPage(h *contender.Handle, file uint64, page int64) error {
	return checkPage(h.Load, file, page)
}

func checkPage(load func(p []byte, off int64) error, file uint64, page int64) error {
	p := make([]byte, pageBytes)
	if err := load(p, page*pageBytes); err != nil {
		return returned(err)
	}
	return checkPattern(p, file, page*pageBytes)
}

// working maps a file of pages that say they are of that file, and sees that the
// first page can be loaded.
func working(s contender.Subject, path string, file uint64, pages int64) (*contender.Handle, error) {
	if err := patternFile(path, file, pages); err != nil {
		return nil, err
	}
	return mapped(s, path, file)
}

func mapped(s contender.Subject, path string, file uint64) (*contender.Handle, error) {
	h, err := opened(s.Open(path, false))
	if err != nil {
		return nil, err
	}
	if err := loadPage(h, file, 0); err != nil {
		return nil, errors.New("before anything was wrong: " + err.Error()) // the library's error would pass for the cell's
	}
	return h, nil
}

// after is a mishap's outcome, with what must hold besides: a page with nothing
// wrong about it can still be loaded.
func after(outcome error, h *contender.Handle, file uint64) error {
	var known *returnedError
	if errors.As(outcome, &known) {
		if err := loadPage(h, file, 0); err != nil {
			return harness.Wrong("another page, after %v: %v", outcome, err)
		}
	}
	return outcome
}

// truncated: somebody cuts the file off, and a page beyond is loaded.
func truncated(s contender.Subject, dir string) error {
	path := filepath.Join(dir, "data")
	h, err := working(s, path, 1, cellPages)
	if err != nil {
		return err
	}
	if err := os.Truncate(path, pageBytes); err != nil {
		return err
	}
	return after(loadPage(h, 1, 5), h, 1)
}

// ioError: the disk cannot read one page of the file.
func ioError(s contender.Subject, dir string) error {
	disk, err := mountFaulty(dir)
	if err != nil {
		return err
	}
	defer disk.end()
	if err := patternFile(disk.backing("data"), 1, cellPages); err != nil {
		return err
	}
	if err := disk.script(fmt.Sprintf("read data[%d,%d) error EIO", 5*pageBytes, 6*pageBytes)); err != nil {
		return err
	}
	h, err := mapped(s, disk.path("data"), 1)
	if err != nil {
		return err
	}
	return after(loadPage(h, 1, 5), h, 1)
}

// diskFull: every page of a sparse file is stored to, on a disk that has not the
// room for them.
func diskFull(s contender.Subject, dir string) error {
	small, err := mountSmall(dir, cellPages*pageBytes)
	if err != nil {
		return err
	}
	defer small.end()
	path := small.path("data")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	const pages = 16 * cellPages
	if err := errors.Join(f.Truncate(pages*pageBytes), f.Close()); err != nil {
		return err
	}
	h, err := opened(s.Open(path, true))
	if err != nil {
		return err
	}
	p := make([]byte, pageBytes)
	for page := range int64(pages) {
		pattern(1)(p, page*pageBytes)
		if err := h.Store(p, page*pageBytes); err != nil {
			return after(returned(err), h, 1)
		}
	}
	return harness.Wrong("all stores worked, on a disk of %d pages", cellPages)
}

// useAfterClose: what was mapped is loaded from once more.
func useAfterClose(s contender.Subject, dir string) error {
	h, err := working(s, filepath.Join(dir, "data"), 1, cellPages)
	if err != nil {
		return err
	}
	if err := h.Close(); err != nil {
		return err
	}
	return loadPage(h, 1, 1)
}

// doubleClose: two owners each close the mapping; between the two, another file
// was mapped, which is then loaded from.
func doubleClose(s contender.Subject, dir string) error {
	h, err := working(s, filepath.Join(dir, "data"), 1, cellPages)
	if err != nil {
		return err
	}
	at, err := addressOf(filepath.Join(dir, "data"))
	if err != nil {
		return err
	}
	if err := h.Close(); err != nil {
		return err
	}
	strangers, err := takeAddress(s, dir, at)
	if err != nil {
		return err
	}
	second := h.Again()
	for i, stranger := range strangers {
		if err := loadPage(stranger, strangerFile(i), 1); err != nil {
			return harness.Wrong("a stranger's page: %v", err)
		}
	}
	return returned(second)
}

// staleSlice: a slice is used after its mapping was closed and other files were
// mapped, one of them to the same address where the library lets that happen.
func staleSlice(s contender.Subject, dir string) error {
	path := filepath.Join(dir, "data")
	h, err := working(s, path, 1, cellPages)
	if err != nil {
		return err
	}
	at, err := addressOf(path)
	if err != nil {
		return err
	}
	var trouble, outcome error
	err = h.Guard(func() error {
		if trouble = h.Close(); trouble != nil {
			return nil
		}
		if _, trouble = takeAddress(s, dir, at); trouble != nil {
			return nil
		}
		outcome = checkPage(h.Bare, 1, 1)
		return nil
	})
	if err != nil {
		return returned(err)
	}
	return errors.Join(trouble, outcome)
}

func strangerFile(i int) uint64 { return 100 + uint64(i) }

// takeAddress maps other files of the same size until one is at that address.
// Where none gets it, they are all there, and somewhere else.
func takeAddress(s contender.Subject, dir string, at uint64) ([]*contender.Handle, error) {
	var strangers []*contender.Handle
	for i := range 32 {
		path := filepath.Join(dir, fmt.Sprintf("stranger-%d", i))
		h, err := working(s, path, strangerFile(i), cellPages)
		if err != nil {
			return nil, err
		}
		strangers = append(strangers, h)
		if got, err := addressOf(path); err != nil || got == at {
			return strangers, err
		}
	}
	return strangers, nil
}

// addressOf returns where in this process a file is mapped.
func addressOf(path string) (uint64, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0, err
	}
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), " "+path) {
			first, _, _ := strings.Cut(lines.Text(), "-")
			return strconv.ParseUint(first, 16, 64)
		}
	}
	return 0, fmt.Errorf("%s is not mapped", filepath.Base(path))
}

// closeDuringReads: a mapping is closed while goroutines load from it, many times.
func closeDuringReads(s contender.Subject, dir string) error {
	const times, readers, pages = 50, 4, 64
	path := filepath.Join(dir, "data")
	if err := patternFile(path, 1, pages); err != nil {
		return err
	}
	var last error
	for range times {
		h, err := mapped(s, path, 1)
		if err != nil {
			return err
		}
		outcomes := make(chan error, readers)
		var running sync.WaitGroup
		running.Add(readers)
		for range readers {
			go func() { outcomes <- loadUntilError(h, pages, &running) }()
		}
		running.Wait()
		time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
		if err := h.Close(); err != nil {
			return err
		}
		for range readers {
			last = <-outcomes
			if errors.Is(last, harness.ErrWrong) {
				return last
			}
		}
	}
	return last
}

// loadUntilError loads all pages again and again; an end without an error is as
// long in coming as the cell's time limit.
func loadUntilError(h *contender.Handle, pages int64, running *sync.WaitGroup) error {
	p := make([]byte, pages*pageBytes)
	started := sync.OnceFunc(running.Done)
	defer started()
	for {
		if err := h.Load(p, 0); err != nil {
			return returned(err)
		}
		if err := checkPattern(p, 1, 0); err != nil {
			return err
		}
		started()
		runtime.Gosched() // to whoever closes
	}
}
