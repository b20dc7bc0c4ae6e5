package transfer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// slow is a run of minutes that is off its forecast, because of its routes.
func slow(t *testing.T, replan func(*bench, context.Context) (Replanned, error)) (*bench, Config) {
	b := newBench(t, 1, 3_000_000)
	b.faults.pause = time.Second
	for _, name := range []route.Gateway{"r0", "r1"} {
		a := b.API(name).(*fakeAgent)
		a.stats.Bottleneck = control.Bottleneck{On: control.ResourceSend, Gateway: "m0", Chunks: 8}
	}
	cfg := b.config()
	cfg.Forecast = 1e6
	cfg.Replan = func(ctx context.Context, m Measured) (Replanned, error) {
		if m.Unread <= 0 || m.Unread >= m.Left {
			t.Errorf("of %d bytes that are left %d are unread", m.Left, m.Unread)
		}
		return replan(b, ctx)
	}
	return b, cfg
}

// TestGatewaysJoin: a reader, a relay and a writer that come into a session have
// their part of what is left, and of what ends it.
func TestGatewaysJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		b, cfg := slow(t, func(b *bench, _ context.Context) (Replanned, error) {
			if asked++; asked > 1 {
				return Replanned{Forecast: 1e6}, nil
			}
			joined := []route.Gateway{"r2", "m2", "w2"}
			b.configure(joined...)
			return Replanned{Forecast: 40_000, Then: func(context.Context) (Replanned, error) {
				return Replanned{Forecast: 1e6, Reason: "three more", Joined: joined, Routes: map[route.Gateway][]control.Route{
					"r0": b.world.routes["r0"], "r2": b.world.routes["r2"]}}, nil
			}}, nil
		})
		relayed := func(name route.Gateway) route.Node {
			return route.Node{Gateway: name, Children: []route.Node{{Gateway: "m2", Children: []route.Node{{Gateway: "w2", Writes: []route.Dest{0}}}}}}
		}
		b.world.routes["r2"] = []control.Route{{ID: 0, Tree: relayed("r2"), Weight: 1}}
		b.world.routes["r0"] = append(b.world.routes["r0"], control.Route{ID: 2, Tree: relayed("r0"), Weight: 1})
		b.names = append(b.names, "r2", "m2", "w2")
		r, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if r.Retries != 0 || b.count(EventJoined) != 3 || len(r.Replanned) != 1 {
			t.Errorf("%+v, %d joined", r, b.count(EventJoined))
		}
		if got := r.Routes[journal.RouteKey{Reader: "r2"}]; got < 500_000 {
			t.Errorf("the new reader sent %d bytes of %d: %v", got, r.Counts.DoneBytes, r.Routes)
		}
		if told := b.told["r0"]; len(told) == 0 || len(told[len(told)-1]) != 3 {
			t.Errorf("a reader was told %+v", told)
		}
		if !b.API("w2").(*fakeAgent).quiesced {
			t.Error("nobody asked the new writer whether it has writes in flight")
		}
		if n := len(cfg.Dests[0].Writers); n != 2 {
			t.Errorf("the caller's configuration has %d writers now", n)
		}
	})
}

// TestTheRunEndsWhileGatewaysComeUp: nobody waits for them.
func TestTheRunEndsWhileGatewaysComeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		b, cfg := slow(t, func(_ *bench, ctx context.Context) (Replanned, error) {
			<-ctx.Done()
			ended = true
			return Replanned{}, ctx.Err()
		})
		r, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if !ended || b.count(EventJoined) != 0 {
			t.Errorf("ended: %v, %d joined", ended, b.count(EventJoined))
		}
	})
}

// TestANewcomerThatIsLost is replaced as the others are.
func TestANewcomerThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		b, cfg := slow(t, func(b *bench, _ context.Context) (Replanned, error) {
			if asked++; asked > 1 {
				return Replanned{Forecast: 1e6}, nil
			}
			b.configure("m2")
			time.AfterFunc(5*time.Second, func() { b.kill("m2") })
			return Replanned{Forecast: 1e6, Joined: []route.Gateway{"m2"}, Routes: map[route.Gateway][]control.Route{"r0": b.world.routes["r0"]}}, nil
		})
		b.world.routes["r0"] = append(b.world.routes["r0"], control.Route{ID: 2, Weight: 1, Tree: route.Node{Gateway: "r0", Children: []route.Node{
			{Gateway: "m2", Children: []route.Node{{Gateway: "w0", Writes: []route.Dest{0}}}}}}})
		b.names = append(b.names, "m2")
		r, err := Run(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		b.finished(r)
		if b.count(EventJoined) != 1 || b.count(EventReplaced) != 1 {
			t.Errorf("%d joined, %d replaced", b.count(EventJoined), b.count(EventReplaced))
		}
	})
}
