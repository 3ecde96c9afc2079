package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
)

// What an Atomic file's journal may turn out to be: damaged, or in use elsewhere.

// killedCopies commits to a file three times, and returns its bytes and the
// journal's as the death of the process leaves them.
func killedCopies(t *testing.T, path string) (file, journal []byte) {
	t.Helper()
	m := openAtomic(t, path)
	for _, b := range []string{"first", "second", "third"} {
		store(t, m, 0, b)
		store(t, m, 50_000, b)
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	file, journal = content(t, path), content(t, path+filemap.JournalSuffix)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return file, journal
}

// A bit that flips in the middle of the journal: no older commit is applied to the
// file, which is whole.
func TestDamagedJournal(t *testing.T) {
	if os.Getenv("FILEMAP_EMULATOR") == "wine" {
		t.Skip("needs a Windows that keeps the time at which a file was made")
	}
	path := writeFile(t, pattern(100_000))
	file, journal := killedCopies(t, path)
	refused, right := 0, 0
	for at := 0; at < len(journal) && at < 64<<10; at += 511 {
		b := bytes.Clone(journal)
		b[at] ^= 1 << (at % 8)
		if err := os.WriteFile(path+filemap.JournalSuffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, len(file))
		if _, err := filemap.ReadCommitted(context.Background(), path, p, 0); err == nil && !bytes.Equal(p, file) {
			t.Fatalf("byte %d: a reader gets a torn file", at)
		}
		m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
		skipUnsupported(t, err)
		if err == nil {
			right++
			err = m.Close()
		} else if errors.Is(err, filemap.ErrJournalDamaged) {
			refused++
			if !bytes.Equal(content(t, path+filemap.JournalSuffix), b) {
				t.Errorf("byte %d: refused, and the journal is changed", at)
			}
			err = nil
		}
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		if !bytes.Equal(content(t, path), file) {
			t.Fatalf("byte %d: the file is torn", at)
		}
	}
	if refused == 0 || right == 0 {
		t.Errorf("%d refused, %d right", refused, right)
	}
	// The error says what is wrong, and where.
	b := bytes.Clone(journal)
	b[16<<10] ^= 1 // a record
	if err := os.WriteFile(path+filemap.JournalSuffix, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	wantError(t, err, filemap.ErrJournalDamaged)
	if err == nil || !strings.Contains(err.Error(), "at byte") || !strings.Contains(err.Error(), "commit") {
		t.Errorf("it does not say where: %v", err)
	}
}

// A copy of the journal taken before the first Commit says nothing of a copy of the
// file taken later.
func TestJournalCopiedBeforeTheFirstCommit(t *testing.T) {
	path := writeFile(t, pattern(100_000))
	for _, before := range []string{"never opened", "closed"} {
		m := openAtomic(t, path)
		journal := content(t, path+filemap.JournalSuffix)
		store(t, m, 0, "later")
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
		copied := writeFile(t, content(t, path))
		if err := os.WriteFile(copied+filemap.JournalSuffix, journal, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := filemap.Open(copied, filemap.ReadWrite, filemap.Atomic)
		wantError(t, err, filemap.ErrForeignJournal)
		if err != nil && (!strings.Contains(err.Error(), "inode") || !strings.Contains(err.Error(), "adopt")) {
			t.Errorf("%s: it does not say what differs, and what to do: %v", before, err)
		}
		_, err = filemap.ReadCommitted(context.Background(), copied, make([]byte, 1), 0)
		wantError(t, err, filemap.ErrForeignJournal)
		if m := openAtomic(t, copied, filemap.AdoptJournal); m.Recovery().State != filemap.NotNeeded {
			t.Errorf("%s: adopted: %+v", before, m.Recovery())
		}
		// After Close they go together.
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		copied = writeFile(t, content(t, path))
		if err := os.WriteFile(copied+filemap.JournalSuffix, content(t, path+filemap.JournalSuffix), 0o600); err != nil {
			t.Fatal(err)
		}
		openAtomic(t, copied)
	}
}

// What happens to lie in the journal's place is left alone.
func TestStrangersInTheJournalsPlace(t *testing.T) {
	zeros := make([]byte, 8<<10)
	for name, stranger := range map[string][]byte{
		"nothing": nil, "a zero": {0}, "a block of zeros": zeros[:4096], "zeros": zeros, "text": []byte("something else"),
		"zeros and text": append(zeros[:len(zeros):len(zeros)], "dear diary"...),
		"the magic":      []byte("FMAPJRNL"),
		"magic and text": append([]byte("FMAPJRNL"), bytes.Repeat([]byte("is what it begins with. "), 1000)...),
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, pattern(10_000))
			for _, place := range []string{path + filemap.JournalSuffix, path + filemap.JournalSuffix + ".new"} {
				if err := os.WriteFile(place, stranger, 0o600); err != nil {
					t.Fatal(err)
				}
				m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
				skipUnsupported(t, err)
				// The name under which one is made may hold what a crash left of that.
				leftover := strings.HasSuffix(place, ".new") && !bytes.Contains(stranger, []byte("e"))
				switch {
				case leftover && err == nil:
					err = m.Close()
				case !errors.Is(err, filemap.ErrNotJournal) && !errors.Is(err, filemap.ErrJournalDamaged) && !errors.Is(err, filemap.ErrJournalVersion):
					t.Errorf("%s: %v", place, err)
				case !bytes.Equal(content(t, place), stranger):
					t.Errorf("%s was written to", place)
				default:
					err = os.Remove(place)
				}
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(content(t, path), pattern(10_000)) {
					t.Error("the file was changed")
				}
			}
		})
	}
}
