package journal

import (
	"bytes"
	"errors"
	"testing"
)

// streamed is a commit's source: its extents, asked for piece by piece. It fails
// at the given call; 0 is never.
func streamed(extents []Extent, failAt int) ([]Span, func([]byte, int64) error) {
	var spans []Span
	for _, e := range extents {
		spans = append(spans, Span{e.Offset, int64(len(e.Data))})
	}
	calls := 0
	return spans, func(p []byte, off int64) error {
		if calls++; calls == failAt {
			return errFull
		}
		for _, e := range extents {
			if off >= e.Offset && off+int64(len(p)) <= e.Offset+int64(len(e.Data)) {
				copy(p, e.Data[off-e.Offset:])
				return nil
			}
		}
		panic("a piece of no extent")
	}
}

var streamExtents = []Extent{
	{0, bytes.Repeat([]byte("0123456789abcdef"), 20<<10)}, // more than one piece
	{400 << 10, []byte("alone")},
	{500 << 10, bytes.Repeat([]byte{7}, 3*block)},
}

const streamSize = 600 << 10

// What is streamed leaves the same journal and the same target as a Commit.
func TestCommitFromIsCommit(t *testing.T) {
	var disks [2]*disk
	for i := range disks {
		disks[i] = newDisk(make([]byte, streamSize))
		j, _, err := OpenOn(disks[i].journal, disks[i].target, testIdentity)
		if err != nil {
			t.Fatal(err)
		}
		j.row.salt, j.row.log = 0, 0 // which differ else
		if i == 0 {
			err = j.Commit(streamSize, streamExtents)
		} else {
			spans, read := streamed(streamExtents, 0)
			err = j.CommitFrom(streamSize, spans, read)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(disks[0].journal.durable[superblocks:], disks[1].journal.durable[superblocks:]) {
		t.Error("the journals differ")
	}
	if !bytes.Equal(disks[0].target.now, disks[1].target.now) {
		t.Error("the targets differ")
	}
}

// A source that fails in the first round changes nothing; in the second the
// commit is safe, and opening again finishes it. The calls are 2+1+1 a round.
func TestCommitFromSourceFails(t *testing.T) {
	for failAt := 1; failAt <= 8; failAt++ {
		d := newDisk(make([]byte, streamSize))
		j, _, err := OpenOn(d.journal, d.target, testIdentity)
		if err != nil {
			t.Fatal(err)
		}
		spans, read := streamed(streamExtents, failAt)
		err = j.CommitFrom(streamSize, spans, read)
		if !errors.Is(err, errFull) || errors.Is(err, ErrPending) != (failAt > 4) {
			t.Fatalf("call %d: %v", failAt, err)
		}
		again := d.killed()
		if _, _, err := OpenOn(again.journal, again.target, testIdentity); err != nil {
			t.Fatal(err)
		}
		want := make([]byte, streamSize)
		if failAt > 4 {
			for _, e := range streamExtents {
				copy(want[e.Offset:], e.Data)
			}
		}
		if !bytes.Equal(again.target.now, want) {
			t.Errorf("call %d: the target is neither old nor new", failAt)
		}
	}
}
