//go:build linux || darwin || freebsd || netbsd || dragonfly

package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/filemap-go/filemap"
)

// loggedPiece is a piece of a log, small or large, that ends in zeros.
func loggedPiece(number uint64) []byte {
	b := appendedRecord(number)
	switch {
	case number%41 == 0:
		b = append(b, bytes.Repeat([]byte{byte(number)}, 300_000)...)
	case number%11 == 0:
		b = append(b, bytes.Repeat([]byte{byte(number)}, 33_000)...)
	case number%5 == 0:
		b = append(b, bytes.Repeat([]byte{byte(number)}, 3000)...)
	}
	return append(b, make([]byte, 20)...)
}

// loggedPieces counts the pieces that b is made of.
func loggedPieces(b []byte) (uint64, error) {
	for number := uint64(1); len(b) > 0; number++ {
		want := loggedPiece(number)
		if !bytes.HasPrefix(b, want) {
			return 0, fmt.Errorf("%d bytes are not piece %d", len(b), number)
		}
		if b = b[len(want):]; len(b) == 0 {
			return number, nil
		}
	}
	return 0, nil
}

// loggedChild opens a log, appends pieces, and now and then trims or closes it.
func loggedChild(path string) error {
	for {
		m, err := filemap.Open(path, filemap.ReadWrite, filemap.Reserve(256<<20))
		if err != nil {
			return err
		}
		number, err := loggedPieces(m.Bytes())
		if err != nil {
			return fmt.Errorf("opened to append: %w", err)
		}
		for range 400 {
			number++
			piece := loggedPiece(number)
			if m.Len()+int64(len(piece)) > m.Reserved() {
				time.Sleep(time.Minute) // until it is killed
			}
			if _, err := m.Append(piece); err != nil {
				return err
			}
			if number%20 != 0 {
				continue
			}
			if _, err := fmt.Println(number); err != nil {
				return err
			}
			if number%200 == 0 {
				err = m.Trim()
			}
			if err != nil {
				return err
			}
		}
		if err := m.Close(); err != nil {
			return err
		}
	}
}

// TestKilledAppend: a log whose writer is killed, at any moment, has every piece for
// which Append returned, and perhaps one more, and nothing else: for a reader that
// opens it, and for the next writer.
func TestKilledAppend(t *testing.T) {
	path := filepath.Join(crashDir(t, 0), "log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	last, prepared := uint64(0), 0
	for i := range kills(t) {
		if i%16 == 15 { // so that it does not become too long
			last = 0
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}
		spoken, err := crashOnce("logged", path, last)
		if err != nil {
			t.Fatal(err)
		}
		m := open(t, path)
		found, err := loggedPieces(m.Bytes())
		if st, statErr := os.Stat(path); statErr == nil && st.Size() > m.Len() {
			prepared++
		}
		if err = errors.Join(err, m.Close()); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if found < spoken {
			t.Fatalf("kill %d: %d pieces, %d were appended", i, found, spoken)
		}
		last = found
	}
	t.Logf("%d pieces, %d times with more prepared", last, prepared)
	if prepared == 0 {
		t.Error("the writer was never killed while it had room prepared")
	}
}
