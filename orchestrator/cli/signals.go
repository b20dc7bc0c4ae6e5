package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/skyctl/skyctl/orchestrator"
)

// signalError is why a context ended that a signal ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return fmt.Sprintf("stopped by a signal (%s)", e.signal) }

// Is makes it the end of a context for whoever asks.
func (e *signalError) Is(target error) bool { return target == context.Canceled }

// signals turns what the user presses into the end of a command.
//
// The first ^C (SIGINT, or SIGTERM, or SIGHUP of a terminal that goes) ends the context: the run stops, keeps its
// journal and destroys its gateways. The second leaves at once and says how to
// destroy what is left. Terraform survives that: see package supervise.
//
// SIGPIPE is taken and dropped for good, so that a run whose progress nobody reads
// any more does not die of it and leave its gateways behind, nor at its last words
// the command that destroys them.
type signals struct {
	console *console
	cancel  context.CancelCauseFunc
	got     chan os.Signal
	end     chan struct{}
	ended   sync.WaitGroup
}

// watchSignals returns a context that the first signal ends. The caller must
// stop the watch.
func watchSignals(ctx context.Context, c *console) (context.Context, *signals) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &signals{console: c, cancel: cancel, got: make(chan os.Signal, 4), end: make(chan struct{})}
	signal.Notify(s.got, syscall.SIGINT, syscall.SIGTERM)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(s.got, syscall.SIGHUP)
	}
	s.ended.Go(s.watch)
	return ctx, s
}

func (s *signals) watch() {
	stopping := false
	for {
		select {
		case <-s.end:
			return
		case sig := <-s.got:
			if stopping {
				// Main is somewhere in the middle of the run and cannot return.
				os.Exit(s.console.finish(abandoned(s.console.progress.now(), &signalError{sig})))
			}
			stopping = true
			s.console.progress.say("stopping; once more leaves at once")
			s.cancel(&signalError{sig})
		}
	}
}

// stop ends the watch and waits for it.
func (s *signals) stop() {
	signal.Stop(s.got)
	close(s.end)
	s.ended.Wait()
	s.cancel(nil)
}

// abandoned is what to say of a run that is left as it stands.
func abandoned(now stand, err error) error {
	switch {
	case now.run != "" && now.gateways:
		return &orchestrator.LeftoverError{Run: now.run, Err: err}
	case now.run != "" && now.moving:
		return &orchestrator.InterruptedError{Run: now.run, Err: err}
	}
	return err
}
