package deploy

import (
	"fmt"
	"testing"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// BenchmarkApply brings up and enrolls 16 gateways in 4 local regions, and takes
// them down: Terraform's start, plan and apply are in it.
func BenchmarkApply(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		cfg := newConfig(b)
		cfg.Layout, cfg.Settings = &layout.Layout{}, &config.Config{Regions: map[region.Region]config.Region{}}
		for _, name := range []string{"east", "north", "south", "west"} {
			at := region.Region("local:" + name)
			cfg.Settings.Regions[at] = config.Region{}
			for i := range 4 {
				cfg.Layout.Gateways = append(cfg.Layout.Gateways, layout.Gateway{Name: route.Gateway(fmt.Sprintf("local-%s-%d", name, i)), Region: at})
			}
		}
		d := deployment(b, cfg)
		b.StartTimer()
		if err := d.Apply(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		for _, g := range cfg.Layout.Gateways {
			if info, err := d.API(g.Name).Info(b.Context()); err != nil || info.Name != g.Name {
				b.Fatalf("%s answers %+v, %v", g.Name, info, err)
			}
		}
		if err := d.Destroy(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
