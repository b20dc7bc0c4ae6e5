package source

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// overTLS is a source with one route, planned at a MB/s, over many connections.
func overTLS(transport string) *Source {
	s := New(Config{Carries: func(route.Gateway) float64 { return 8e6 }}, "s")
	s.routes.replace([]control.Route{via(0, 8e-3, "a", 0)}, plenty, map[route.Gateway]control.Peer{"a": {Connections: 8, Transport: transport}})
	return s
}

// begins has a chunk wait for its turn, and returns what it got, when it got it.
func begins(t *testing.T, ctx context.Context, s *Source, a *control.Assignment) (*way, <-chan error) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	w, got := s.routes.choose(a, 1<<40, time.Now())
	if got != found {
		t.Fatalf("there is no way: %v", got)
	}
	s.sending++
	turn := make(chan error, 1)
	go func() { turn <- s.turn(ctx, w) }()
	return w, turn
}

func has(t *testing.T, what string, turn <-chan error, want bool) {
	t.Helper()
	synctest.Wait()
	if got := len(turn) > 0; got != want {
		t.Errorf("%s: has a turn: %v, want %v", what, got, want)
	}
}

func TestChunksOverTLSTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := overTLS(control.TransportTLS)
		a := of(200_000, 0)
		first, turn := begins(t, t.Context(), s, a)
		has(t, "the first", turn, true)
		second, turn2 := begins(t, t.Context(), s, a)
		has(t, "the second", turn2, false)
		s.sent(first)
		has(t, "the second, when the first is sent", turn2, true)

		ctx, cancel := context.WithCancel(t.Context())
		third, turn3 := begins(t, ctx, s, a)
		has(t, "the third", turn3, false)
		cancel()
		if err := <-turn3; !errors.Is(err, context.Canceled) {
			t.Errorf("one that is given up: %v", err)
		}
		s.sent(third)
		s.sent(second)
		if r := s.routes.all[0]; r.turns.taken != 0 || len(r.turns.waiting) != 0 {
			t.Errorf("in the end %d turns are taken, %d wait", r.turns.taken, len(r.turns.waiting))
		}
	})
}

// TestASlowSourceDoesNotLetOthersWait: at a MB/s 400 kB should be gone in 0.4 s.
func TestASlowSourceDoesNotLetOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := overTLS(control.TransportTLS)
		begins(t, t.Context(), s, of(400_000, 0))
		synctest.Wait()
		start := time.Now()
		_, turn := begins(t, t.Context(), s, of(400_000, 0))
		if err := <-turn; err != nil || time.Since(start) != 800*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

func TestChunksOverQUICShareTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := overTLS(control.TransportQUIC)
		for range 8 {
			_, turn := begins(t, t.Context(), s, of(400_000, 0))
			has(t, "each", turn, true)
		}
	})
}
