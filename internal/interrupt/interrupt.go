// Package interrupt lets a program end in good order when a signal asks it to.
//
//	first signal    the context ends, with the signal as its cause: work is unwound
//	second signal   ends the process at once; but where something asked for [Hurried],
//	                it is told to wait no longer
//	third signal    ends the process at once
//
// Signals within [echo] of the first are the same request: timeout(1) sends its signal
// to the program and then to the group that it is in, systemd SIGHUP behind SIGTERM.
//
// A signal that the parent has ignored, as nohup does, stays ignored.
package interrupt

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// Signal is the cause of a context's end.
type Signal struct{ os.Signal }

// Error names the signal.
func (s *Signal) Error() string { return "interrupted (" + s.String() + ")" }

// Unwrap makes it what a context's end is otherwise.
func (s *Signal) Unwrap() error { return context.Canceled }

// echo is how long after the first signal others are the same request. No user is as
// quick. Tests have less.
var echo = 200 * time.Millisecond

type key struct{}

// watch is what a context knows of its signals.
type watch struct {
	patient atomic.Bool
	hurry   chan struct{}
}

// Context returns one that ends with the first signal that asks for the end. Signals
// do what they do otherwise after stop.
func Context(parent context.Context) (ctx context.Context, stop func()) {
	w := &watch{hurry: make(chan struct{})}
	ctx, cancel := context.WithCancelCause(context.WithValue(parent, key{}, w))
	came, done := make(chan os.Signal, 1), make(chan struct{})
	for _, s := range sys.EndSignals {
		if !signal.Ignored(s) {
			signal.Notify(came, s)
		}
	}
	sys.KeepPipeErrors()
	var listening sync.WaitGroup
	listening.Go(func() {
		defer signal.Stop(came)
		select {
		case s := <-came:
			cancel(&Signal{s})
		case <-done:
			return
		}
		if !settled(came, done) {
			return
		}
		if !w.patient.Load() {
			return
		}
		select {
		case <-came:
			close(w.hurry)
		case <-done:
		}
	})
	return ctx, func() {
		close(done)
		listening.Wait()
		cancel(nil)
	}
}

// settled takes the signals that are the first one's echo, and tells whether done is
// still open then.
func settled(came <-chan os.Signal, done <-chan struct{}) bool {
	if echo == 0 {
		return true
	}
	quiet := time.After(echo)
	for {
		select {
		case <-came:
		case <-quiet:
			return true
		case <-done:
			return false
		}
	}
}

// Hurried returns a channel that is closed when a second signal comes. It is nil,
// which is never closed, where ctx is none of [Context].
func Hurried(ctx context.Context) <-chan struct{} {
	w, known := ctx.Value(key{}).(*watch)
	if !known {
		return nil
	}
	w.patient.Store(true)
	return w.hurry
}

// Cause returns the signal that ended ctx, nil if none did.
func Cause(ctx context.Context) os.Signal {
	var s *Signal
	if errors.As(context.Cause(ctx), &s) {
		return s.Signal
	}
	return nil
}
