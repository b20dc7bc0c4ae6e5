package orchestrator

import (
	"testing"

	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

func TestCompressionFollowsThePriceOfEgress(t *testing.T) {
	for _, c := range []struct {
		policy string
		usd    unit.USD
		want   bool
	}{
		{"", 0, false}, {"", 0.02, true}, {CompressAuto, 0.02, true}, {CompressNever, 0.09, false}, {CompressAlways, 0, true},
	} {
		r := Request{Compress: c.policy}
		if got := r.compresses(&overlay.Graph{Edges: []overlay.Edge{{USDPerGB: 0}, {USDPerGB: c.usd}}}); got != c.want {
			t.Errorf("--compress %s at %v a GB: %v", c.policy, c.usd, got)
		}
	}
}
