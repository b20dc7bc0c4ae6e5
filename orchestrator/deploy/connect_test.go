package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/engine"
)

// TestConnect: pairs of gateways that had nothing to say to each other are let
// through, and the gateways stay what they are, also for Terraform and for
// whoever resumes the run.
func TestConnect(t *testing.T) {
	at := func(names ...region.Region) overlay.Route { return overlay.Route{Path: names, Gbits: 1} }
	over := func(routes ...overlay.Route) *overlay.Overlay {
		o := &overlay.Overlay{}
		for _, r := range []region.Region{"local:east", "local:mid", "local:west"} {
			o.Regions = append(o.Regions, overlay.Region{Region: r, Gateways: 1})
		}
		for i := range routes {
			routes[i].Tree = i
		}
		o.Routes = routes
		return o
	}
	direct, second := at("local:east", "local:west"), at("local:east", "local:mid")
	second.Dest = 1
	cfg := newConfig(t)
	cfg.Settings = &config.Config{Regions: map[region.Region]config.Region{"local:east": {}, "local:mid": {}, "local:west": {}}}
	var err error
	if cfg.Layout, err = layout.Build(over(direct, second), 2); err != nil {
		t.Fatal(err)
	}
	d := deployment(t, cfg)
	if err := d.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	pids := fmt.Sprint(answer(t, d))
	if lets(t, cfg, "west", "local-mid-0") {
		t.Error("west lets mid through before it has anything to say")
	}

	l, err := cfg.Layout.Extend(over(direct, second, at("local:east", "local:mid", "local:west")))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Connect(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if !lets(t, cfg, "west", "local-mid-0") || !lets(t, cfg, "mid", "local-west-0") {
		t.Error("west does not let mid through")
	}
	if p, err := d.engine.Plan(t.Context(), engine.PlanOptions{}); err != nil || p.Changes != (engine.Changes{}) {
		t.Errorf("a second plan: %+v, %v", p, err)
	}
	if err := d.Replace(t.Context(), "local-mid-0"); err != nil {
		t.Fatal(err)
	}
	if !lets(t, cfg, "west", "local-mid-0") {
		t.Error("after a replacement west does not let mid through any more")
	}
	replaced := answer(t, d)
	if fmt.Sprint(replaced) == pids {
		t.Error("nothing was replaced")
	}
	cfg.Layout = l
	next := deployment(t, cfg)
	if err := next.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := answer(t, next); fmt.Sprint(kept) != fmt.Sprint(replaced) {
		t.Errorf("resumed, %v became %v", replaced, kept)
	}

	other := *l
	other.Gateways = l.Gateways[:2]
	if err := next.Connect(t.Context(), &other); err == nil {
		t.Error("a layout without west was taken")
	}
}

// lets tells whether the module of a region is given another's gateway as a peer.
func lets(t *testing.T, cfg Config, at string, peer route.Gateway) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cfg.Run.Terraform(), "region_local_"+at+".tf"))
	if err != nil {
		t.Fatal(err)
	}
	_, peers, _ := strings.Cut(string(text), "peers")
	peers, _, _ = strings.Cut(peers, "}")
	return strings.Contains(peers, string(peer))
}
