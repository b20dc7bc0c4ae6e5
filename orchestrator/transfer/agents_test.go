package transfer

import (
	"context"
	"errors"
	"testing"

	"github.com/skyctl/skyctl/agent/agenttest"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// realFleet is real agents with real time, connected over loopback.
type realFleet struct{ *agenttest.Fleet }

func (f realFleet) API(name route.Gateway) control.API { return f.Agent(name) }
func (realFleet) Reroute(context.Context, route.Gateway, []control.Route) error {
	return errors.ErrUnsupported
}
func (realFleet) Replace(context.Context, route.Gateway) error { return errors.ErrUnsupported }

// TestWithRealAgents moves whole objects and objects in parts over two routes
// of different readers to two destinations, in two sessions.
func TestWithRealAgents(t *testing.T) {
	b := newBench(t, 2, 0, 10, 999, 1000, 5500, 200_000, 7)
	tree := func(names ...route.Gateway) route.Node {
		c := agenttest.Chain(0, 1, names...)
		last := &c.Tree
		for len(last.Children) > 0 {
			last = &last.Children[0]
		}
		last.Writes = []route.Dest{0, 1}
		return c.Tree
	}
	routes := []control.Route{
		{ID: 0, Tree: tree("r0", "m0", "w0"), Weight: 1},
		{ID: 1, Tree: tree("r1", "w1"), Weight: 2},
	}
	fleet := agenttest.Start(t, agenttest.Options{Stores: map[string]objstore.Config{
		"src":  {Type: "mem", Bucket: b.name + "/src"},
		"dst0": {Type: "mem", Bucket: b.name + "/dst0"},
		"dst1": {Type: "mem", Bucket: b.name + "/dst1"},
	}}, "r0", "r1", "m0", "w0", "w1")
	cfg := b.config()
	cfg.Fleet = realFleet{fleet}
	cfg.Readers = []Reader{{Name: "r0", Routes: routes[:1]}, {Name: "r1", Routes: routes[1:]}}

	fleet.Configure("one", routes...)
	ctx, cancel := context.WithCancelCause(t.Context())
	b.after(100, func() { cancel(errCtrlC) })
	r, err := Run(ctx, cfg)
	if !errors.Is(err, errCtrlC) {
		t.Fatalf("%+v, %v", r, err)
	}
	fleet.Configure("two", routes...)
	if r, err = Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	b.finished(r)
	if r.Counts.Done != 7 || r.ResumedChunks < 100 || len(r.Routes) != 4 {
		t.Errorf("%+v", r)
	}
}
