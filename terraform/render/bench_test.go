package render

import (
	"fmt"
	"testing"
)

// BenchmarkRender renders 40 regions of three clouds, each with 4 gateways that
// talk to those of another region.
func BenchmarkRender(b *testing.B) {
	d := fortyRegions()
	for b.Loop() {
		if _, err := Render(d); err != nil {
			b.Fatal(err)
		}
	}
}

// fortyRegions is a chain of regions. Their names are made up: nothing here asks
// a cloud.
func fortyRegions() Deployment {
	d := sixRegions()
	d.Regions, d.Tokens = nil, map[string]string{}
	clouds := []struct{ name, machine string }{{"aws", "c6in.8xlarge"}, {"gcp", "n2-standard-32"}, {"azure", "Standard_D32s_v5"}}
	for i := range 40 {
		cloud := clouds[i%len(clouds)]
		r := Region{Name: fmt.Sprintf("%s:region-%d", cloud.name, i), Slug: fmt.Sprintf("%s-region-%d", cloud.name, i)}
		for g := range 4 {
			name := fmt.Sprintf("%s-%d", r.Slug, g)
			r.Gateways = append(r.Gateways, Gateway{Name: name, Machine: cloud.machine})
			d.Tokens[name] = "token"
			if i > 0 {
				r.Peers = append(r.Peers, d.Regions[i-1].Gateways[g].Name)
			}
		}
		d.Regions = append(d.Regions, r)
	}
	return d
}
