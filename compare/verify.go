package compare

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

// WrongResultError says that a contender left the file, or returned a sum, other
// than it must be.
type WrongResultError struct {
	Contender string
	What      string // which value, what it is and what it must be
}

func (e *WrongResultError) Error() string {
	return fmt.Sprintf("%s computed a wrong result: %s (the file may have been changed by somebody else meanwhile; if not, this is a defect: please report it)",
		e.Contender, e.What)
}

// verifier compares the file with the ledger by reading it, in a way that no
// contender's mapping has a part in.
type verifier struct {
	file      sys.File
	got, want *buffer
}

const verifyIntegers = 256 << 10

// newVerifier reads the file through a descriptor of its own.
func newVerifier(path string) (*verifier, error) {
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return nil, err
	}
	v := &verifier{file: f}
	if v.got, err = newBuffer(verifyIntegers); err == nil {
		v.want, err = newBuffer(verifyIntegers)
	}
	if err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

func (v *verifier) close() error {
	err := v.file.Close()
	for _, b := range []*buffer{v.got, v.want} {
		if b != nil {
			err = errors.Join(err, b.close())
		}
	}
	return err
}

// each reads all of the file's integers, in parts, and has visit look at them.
func (v *verifier) each(ctx context.Context, integers int64, visit func(first int64, got []int32) error) error {
	for done := int64(0); done < integers; done += verifyIntegers {
		if err := ctx.Err(); err != nil {
			return err
		}
		bytes, got := v.got.part(min(verifyIntegers, integers-done))
		if _, err := v.file.ReadAt(bytes, done*integerBytes); err != nil {
			return shortened(err)
		}
		if err := visit(done, got); err != nil {
			return err
		}
	}
	return nil
}

func shortened(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the file has become shorter while it was compared: compare a file that nobody changes (%w)", err)
	}
	return err
}

// contents checks every integer of the file.
func (v *verifier) contents(ctx context.Context, name string, l *ledger, integers int64) error {
	return v.each(ctx, integers, func(first int64, got []int32) error {
		return v.part(name, l, first, got)
	})
}

func (v *verifier) part(name string, l *ledger, first int64, got []int32) error {
	_, want := v.want.part(int64(len(got)))
	if err := l.expect(first, want); err != nil {
		return err
	}
	for i := range got {
		if got[i] != want[i] {
			return &WrongResultError{name, fmt.Sprintf("integer %d is %d and must be %d", first+int64(i), got[i], want[i])}
		}
	}
	return nil
}

// blocks checks the blocks that a sample of n runs touched.
func (v *verifier) blocks(name string, l *ledger, j *job, n int, seed uint64) error {
	var failed error
	part := min(j.blockInts, verifyIntegers)
	j.replay(n, seed, func(at int64) {
		if failed != nil {
			return
		}
		bytes, got := v.got.part(part)
		if _, failed = v.file.ReadAt(bytes, at*integerBytes); failed == nil {
			failed = v.part(name, l, at, got)
		}
	})
	return failed
}

// sumOfBlocks adds up the blocks that a sample of n runs read.
func (v *verifier) sumOfBlocks(l *ledger, j *job, n int, seed uint64) (int64, error) {
	var sum int64
	var failed error
	j.replay(n, seed, func(at int64) {
		for done := int64(0); done < j.blockInts && failed == nil; done += verifyIntegers {
			_, want := v.want.part(min(verifyIntegers, j.blockInts-done))
			failed = l.expect(at+done, want)
			sum += sumOf(want)
		}
	})
	return sum, failed
}

// sum adds up the whole file.
func (v *verifier) sum(ctx context.Context, integers int64) (sum int64, err error) {
	err = v.each(ctx, integers, func(_ int64, got []int32) error {
		sum += sumOf(got)
		return nil
	})
	return sum, err
}
