package agent

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
)

// configured returns an agent without a network in session "s", which runs
// until stop.
func configured(t *testing.T) (a *Agent, stop func() error) {
	t.Helper()
	a = New(Config{Name: "g", Run: "test", Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- a.Run(ctx) }()
	if err := a.Configure(ctx, control.Config{Session: "s", Stores: map[string]objstore.Config{"x": {Type: "mem", Bucket: t.Name()}}}); err != nil {
		t.Fatal(err)
	}
	return a, func() error {
		cancel()
		return <-stopped
	}
}

// TestQuiesceTellsTheTruth: a store may take its time to stop, and as long as
// it does nobody is told that the agent is quiet, nor is it given another
// session.
func TestQuiesceTellsTheTruth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, stop := configured(t)
		now := a.currentSession()
		if !now.enter() {
			t.Fatal("a configured agent takes no work")
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for what, err := range map[string]error{
			"Quiesce":   a.Quiesce(impatient),
			"Configure": a.Configure(impatient, control.Config{Session: "next"}),
		} {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s with a write in flight: %v", what, err)
			}
		}
		if now.ctx.Err() == nil || now.enter() {
			t.Error("the session goes on")
		}
		if id := a.sessionID(); id != "s" {
			t.Errorf("the session is %q", id)
		}
		time.AfterFunc(time.Minute, now.leave)
		start := time.Now()
		if err := a.Quiesce(t.Context()); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := a.Configure(t.Context(), control.Config{Session: "next"}); err != nil {
			t.Error(err)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if err := a.Configure(t.Context(), control.Config{Session: "late"}); err == nil {
			t.Error("an agent that has stopped was configured")
		}
	})
}

// TestAStoreThatNeverStopsDoesNotKeepTheAgent alive beyond its lifetime.
func TestAStoreThatNeverStopsDoesNotKeepTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, stop := configured(t)
		now := a.currentSession()
		now.enter()
		start := time.Now()
		if err := stop(); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != stopWithin {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		now.leave()
	})
}

// TestStagedWritesEndWithTheSession: whoever asked for them may not be there
// any more to end them.
func TestStagedWritesEndWithTheSession(t *testing.T) {
	a, stop := configured(t)
	_, bound, done, err := a.bucket(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	quiet := make(chan error, 1)
	go func() { quiet <- a.Quiesce(t.Context()) }()
	<-bound.Done()
	select {
	case err := <-quiet:
		t.Fatalf("quiet with a write in flight: %v", err)
	default:
	}
	done()
	if err := <-quiet; err != nil {
		t.Error(err)
	}
	if _, err := a.Begin(t.Context(), control.BeginRequest{Store: "x", Key: "k"}); err == nil {
		t.Error("a quiesced agent began a write")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
