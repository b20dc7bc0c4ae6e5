package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/engine"
)

const (
	mid    route.Gateway = "local-mid-0"
	second route.Gateway = "local-east-1"
)

// growing is a run from east to west, live, and what it is to become: with a relay
// between them and a second gateway in east.
func growing(t *testing.T) (Config, *Deployment, *layout.Layout) {
	t.Helper()
	cfg := newConfig(t)
	cfg.Settings = &config.Config{Regions: map[region.Region]config.Region{"local:east": {}, "local:mid": {}, "local:west": {}}}
	o := &overlay.Overlay{}
	o.Regions = []overlay.Region{{Region: "local:east", Gateways: 1}, {Region: "local:west", Gateways: 1}}
	o.Routes = []overlay.Route{{Path: []region.Region{"local:east", "local:west"}, Gbits: 1}}
	var err error
	if cfg.Layout, err = layout.Build(o, 1); err != nil {
		t.Fatal(err)
	}
	more := *o
	more.Regions = append(slices.Clone(o.Regions), overlay.Region{Region: "local:mid", Gateways: 1, Joined: 1}, overlay.Region{Region: "local:east", Gateways: 1, Joined: 1})
	more.Routes = append(slices.Clone(o.Routes), overlay.Route{Path: []region.Region{"local:east", "local:mid", "local:west"}, Gbits: 1, Tree: 1, Since: 1})
	l, err := cfg.Layout.Extend(&more)
	if err != nil {
		t.Fatal(err)
	}
	d := deployment(t, cfg)
	if err := d.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return cfg, d, l
}

// processes are those of gateways that answer under their names.
func processes(t *testing.T, d *Deployment, names ...route.Gateway) map[route.Gateway]int {
	t.Helper()
	pids := map[route.Gateway]int{}
	for _, name := range names {
		info, err := d.API(name).Info(t.Context())
		if err != nil || info.Name != name {
			t.Fatalf("%s: %+v, %v", name, info, err)
		}
		pids[name] = info.PID
	}
	return pids
}

// TestGrow: gateways that join a run are enrolled like the others, which stay what
// they are, also for Terraform and for whoever resumes the run. Whoever resumes it
// without them destroys them.
func TestGrow(t *testing.T) {
	cfg, d, l := growing(t)
	before := processes(t, d, east, west)
	asked := engine.Changes{}
	if err := d.Grow(t.Context(), Growth{Layout: l, Agree: func(_ context.Context, p *engine.Plan) error {
		asked = p.Changes
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	if asked != (engine.Changes{Add: 2}) {
		t.Errorf("asked about %+v", asked)
	}
	all := processes(t, d, east, west, mid, second)
	if all[east] != before[east] || all[west] != before[west] {
		t.Errorf("%v became %v", before, all)
	}
	if !lets(t, cfg, "west", mid) || !lets(t, cfg, "mid", second) {
		t.Error("west does not let mid through, or mid not the second of east")
	}
	if p, err := d.engine.Plan(t.Context(), engine.PlanOptions{}); err != nil || p.Changes != (engine.Changes{}) {
		t.Errorf("a second plan: %+v, %v", p, err)
	}
	if err := d.Replace(t.Context(), mid); err != nil {
		t.Fatal(err)
	}
	replaced := processes(t, d, east, west, mid, second)
	if replaced[mid] == all[mid] || replaced[second] != all[second] {
		t.Errorf("%v became %v", all, replaced)
	}

	resumed := cfg
	resumed.Layout, resumed.Grows = l, true
	next := deployment(t, resumed)
	if err := next.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := processes(t, next, east, west, mid, second); !maps.Equal(kept, replaced) {
		t.Errorf("resumed, %v became %v", replaced, kept)
	}

	cfg.Grows = true // and killed before it was noted that they joined
	last := deployment(t, cfg)
	if err := last.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept := processes(t, last, east, west); !maps.Equal(kept, before) {
		t.Errorf("resumed without those that joined, %v became %v", before, kept)
	}
	for _, name := range []route.Gateway{mid, second} {
		// A process that has ended, and that nobody has waited for, has no command line.
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", replaced[name])); err == nil && len(line) > 0 {
			t.Errorf("%s lives on", name)
		}
	}
}

// TestGrowRefused: what is not agreed to, fails to come up, or would touch others,
// leaves the run as it was.
func TestGrowRefused(t *testing.T) {
	cfg, d, l := growing(t)
	before := processes(t, d, east, west)
	as := func(what string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
		if now := processes(t, d, east, west); !maps.Equal(now, before) {
			t.Errorf("%s: %v became %v", what, before, now)
		}
	}
	as("no", d.Grow(t.Context(), Growth{Layout: l, Agree: func(context.Context, *engine.Plan) error { return errors.New("policy says no") }}), "policy says no")
	as("nothing new", d.Grow(t.Context(), Growth{Layout: cfg.Layout}), "has no others")

	other := *l
	other.Gateways = slices.Clone(l.Gateways)
	slices.Reverse(other.Gateways)
	as("others", d.Grow(t.Context(), Growth{Layout: &other}), "does not begin with")

	good := d.cfg.AgentPath // no gateway that is there is to be another, so the new ones end at once
	d.cfg.Settings.Regions["local:mid"] = config.Region{Hosts: []config.Host{{Address: "192.0.2.1"}}}
	as("one does not come up", d.Grow(t.Context(), Growth{Layout: l}), "")
	d.cfg.Settings.Regions["local:mid"], d.cfg.AgentPath = config.Region{}, "/bin/true"
	err := d.Grow(t.Context(), Growth{Layout: l})
	d.cfg.AgentPath = good
	as("others would change", errors.Join(err, d.conform(t.Context())), "in use")
	if left, err := d.engine.Outputs(t.Context()); err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v", left, err)
	}
	if err := d.Grow(t.Context(), Growth{Layout: l}); err != nil {
		t.Fatal(err)
	}
	processes(t, d, east, west, mid, second)
}

// TestGrowInClouds: by the providers' schemas a machine that joins a region, and a
// relay in another cloud, change nothing of the machines that there are; and
// where they are given back no machine is left.
func TestGrowInClouds(t *testing.T) {
	rc := stubConfig(t)
	cfg := cloudConfig(t)
	cfg.Settings.Terraform.PluginDir = filepath.Dir(rc)
	from, relay, to := region.Region("aws:us-east-1"), region.Region("azure:westus2"), region.Region("gcp:us-central1")
	o := &overlay.Overlay{}
	o.Regions = []overlay.Region{{Region: from, Gateways: 1, Machine: "c6in.8xlarge"}, {Region: to, Gateways: 1, Machine: "n2-standard-32"}}
	o.Routes = []overlay.Route{{Path: []region.Region{from, to}, Gbits: 1}}
	var err error
	if cfg.Layout, err = layout.Build(o, 1); err != nil {
		t.Fatal(err)
	}
	more := *o
	more.Regions = append(slices.Clone(o.Regions), overlay.Region{Region: relay, Gateways: 1, Machine: "Standard_D32_v5", Joined: 1}, overlay.Region{Region: from, Gateways: 1, Machine: "c6in.8xlarge", Joined: 1})
	more.Routes = append(slices.Clone(o.Routes), overlay.Route{Path: []region.Region{from, relay, to}, Gbits: 1, Tree: 1, Since: 1})
	l, err := cfg.Layout.Extend(&more)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := applied(t, d); err != nil {
		t.Fatal(err)
	}
	no := errors.New("as far as this")
	err = d.Grow(t.Context(), Growth{Layout: l, Agree: func(ctx context.Context, p *engine.Plan) error {
		if p.Changes.Add == 0 {
			t.Errorf("it would %+v", p)
		}
		for _, a := range p.Actions {
			if strings.Contains(a.Verb, "delete") {
				t.Errorf("%s of %s", a.Verb, a.Address)
			}
		}
		return errors.Join(no, d.engine.Apply(ctx, p)) // but nobody answers at the addresses that the stub makes up
	}})
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	if left, err := d.engine.Outputs(t.Context()); err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v", left, err)
	}
	resources, err := d.engine.StateList(t.Context())
	machines := slices.DeleteFunc(resources, func(r string) bool { return !strings.Contains(r, ".gateway[") }) // a network that is empty costs nothing
	if err != nil || len(machines) != 2 {
		t.Errorf("left are %v, %v", machines, err)
	}
	if err := d.engine.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
}
