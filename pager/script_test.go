package pager

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/policy"
	"github.com/filemap-go/filemap/pager/store"
)

// The scripts in testdata/script say what happens to pages, and in which state
// each of them is then. Those in the folder itself hold for every policy; those in
// a folder of a policy's name, for that one.
func TestScripts(t *testing.T) {
	if sys.PageSize != 4096 {
		t.Skip("needs pages of 4096 bytes")
	}
	for _, name := range policy.Names() {
		t.Run(name, func(t *testing.T) {
			files, err := filepath.Glob("testdata/script/*.txt")
			if err != nil || len(files) == 0 {
				t.Fatal("no scripts: ", err)
			}
			own, _ := filepath.Glob("testdata/script/" + name + "/*.txt")
			if len(own) == 0 {
				t.Errorf("policy %s has no script of its own", name)
			}
			for _, file := range append(files, own...) {
				t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
					s := &script{t: t, policy: name}
					defer s.end()
					datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
						s.t = t
						return s.run(d)
					})
				})
			}
		})
	}
}

// script is the state of one: one pager and one mapping at a time.
type script struct {
	t      *testing.T
	policy string
	device *device
	p      *Pager
	m      *Mapping
	pins   map[int]Pinned
}

func (s *script) end() {
	for _, pin := range s.pins {
		pin.Unpin()
	}
	if s.p != nil && s.m != nil {
		_ = s.m.Abandon()
	}
	if s.p != nil {
		if err := s.p.Close(); err != nil {
			s.t.Error(err)
		}
	}
	s.p, s.m, s.pins = nil, nil, nil
}

// The script's commands. Page i of a new store has the number 100+i as its first
// 8 bytes.
func (s *script) run(d *datadriven.TestData) string {
	switch d.Cmd {
	case "new": // pages=8 frames=3 [swap=2] [mode=shared]: a store, a pager and a mapping
		return s.make(d)
	case "touch": // 0 1 2: reads a value from each page
		return s.each(d, func(page int) string {
			v, err := s.m.Uint64(ctx, int64(page*sys.PageSize))
			if err != nil {
				return s.failure(err)
			}
			return fmt.Sprintf("page %d: %d", page, v)
		})
	case "write": // 0 1 value=7: writes a value to each page
		var value uint64
		d.MaybeScanArgs(s.t, "value", &value)
		return s.each(d, func(page int) string {
			b := binary.LittleEndian.AppendUint64(nil, value)
			if _, err := s.m.WriteAt(b, int64(page*sys.PageSize)); err != nil {
				return s.failure(err)
			}
			return ""
		})
	case "pin": // 0 1
		return s.each(d, func(page int) string {
			pin, err := s.m.Pin(ctx, int64(page*sys.PageSize), 8)
			if err != nil {
				return s.failure(err)
			}
			s.pins[page] = pin
			return ""
		})
	case "unpin":
		return s.each(d, func(page int) string {
			s.pins[page].Unpin()
			delete(s.pins, page)
			return ""
		})
	case "evict": // n
		var n int
		if _, err := fmt.Sscan(d.CmdArgs[0].Key, &n); err != nil {
			d.Fatalf(s.t, "%v", err)
		}
		freed, err := s.p.reclaim(n)
		if err != nil {
			return s.failure(err)
		}
		return fmt.Sprintf("%d left\n", freed)
	case "fail": // op=read file=store [page=3]
		var op, file string
		page := -1
		d.ScanArgs(s.t, "op", &op)
		d.ScanArgs(s.t, "file", &file)
		d.MaybeScanArgs(s.t, "page", &page)
		s.device.failing(op, file, page)
		return ""
	case "heal":
		s.device.fail = nil
		return ""
	case "corrupt": // file=swap page=0: turns a bit
		var file string
		var page int
		d.ScanArgs(s.t, "file", &file)
		d.ScanArgs(s.t, "page", &page)
		s.device.named(file).now[page*sys.PageSize+100] ^= 1
		return ""
	case "sync":
		return s.outcome(s.m.Sync(ctx))
	case "commit":
		return s.outcome(s.m.Commit(ctx))
	case "discard":
		return s.outcome(s.m.Discard(ctx))
	case "close":
		return s.outcome(s.m.Close())
	case "crash": // [power]: the process dies, or the power goes and nothing unsynced is left
		return s.crash(d)
	case "table":
		return s.table()
	case "store": // the values that the store has
		var b strings.Builder
		for i := 0; i < len(s.device.named("store").now); i += sys.PageSize {
			fmt.Fprintf(&b, "%d ", binary.LittleEndian.Uint64(s.device.named("store").now[i:]))
		}
		return strings.TrimSpace(b.String()) + "\n"
	}
	d.Fatalf(s.t, "no such command")
	return ""
}

func (s *script) make(d *datadriven.TestData) string {
	s.end()
	pages, frames, swap, mode := 8, 4, 0, "shared"
	d.MaybeScanArgs(s.t, "pages", &pages)
	d.MaybeScanArgs(s.t, "frames", &frames)
	d.MaybeScanArgs(s.t, "swap", &swap)
	d.MaybeScanArgs(s.t, "mode", &mode)
	s.device = &device{}
	content := make([]byte, pages*sys.PageSize)
	for i := range pages {
		binary.LittleEndian.PutUint64(content[i*sys.PageSize:], uint64(100+i))
	}
	s.device.file("store", content)
	s.device.file("journal", nil)
	s.device.file("swap", make([]byte, swap*sys.PageSize))
	return s.open(frames, mode)
}

func (s *script) open(frames int, mode string) string {
	c := Config{Budget: int64(frames * sys.PageSize), Policy: s.policy, DirectOnly: true, PinWait: 1, ReadaheadBytes: -1}
	if n := len(s.device.named("swap").now); n > 0 {
		c.Swap = Swap{Bytes: int64(n), Store: s.device.named("swap")}
	}
	o := Options{Name: "store"}
	for o.Mode = range Transactional {
		if o.Mode.String() == mode {
			break
		}
	}
	if mode == Transactional.String() {
		o.Mode, o.journalFile = Transactional, s.device.named("journal")
	}
	var err error
	if s.p, err = New(c); err == nil {
		s.m, err = s.p.Map(s.device.named("store"), o)
	}
	s.pins = make(map[int]Pinned)
	return s.outcome(err)
}

func (s *script) crash(d *datadriven.TestData) string {
	var lost func() bool
	if d.HasArg("power") {
		lost = func() bool { return true }
	}
	after := s.device.after(lost)
	mode, frames := s.m.mode.String(), int(s.p.frames.limit)
	s.device.fail = nil
	s.end()
	s.device = after
	return s.open(frames, mode)
}

func (s *script) each(d *datadriven.TestData, do func(page int) string) string {
	var b strings.Builder
	for _, arg := range d.CmdArgs {
		if len(arg.Vals) > 0 {
			continue
		}
		var page int
		if _, err := fmt.Sscan(arg.Key, &page); err != nil {
			d.Fatalf(s.t, "%v", err)
		}
		if line := do(page); line != "" {
			b.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	return b.String()
}

func (s *script) outcome(err error) string {
	if err != nil {
		return s.failure(err)
	}
	return ""
}

func (s *script) failure(err error) string { return "error: " + err.Error() + "\n" }

// table is the word of every page that is not absent.
func (s *script) table() string {
	var b strings.Builder
	for i := range s.m.table {
		if w := s.m.table[i].load(); w.state() != absent {
			fmt.Fprintf(&b, "%d %v\n", i, w)
		}
	}
	fmt.Fprintf(&b, "frames %d of %d", s.p.frames.used.Load(), s.p.frames.limit)
	if s.p.swap != nil {
		fmt.Fprintf(&b, ", slots %d of %d", s.p.swap.slots-s.p.swap.free, s.p.swap.slots)
	}
	return b.String() + "\n"
}

var _ store.Store = (*brittle)(nil)
