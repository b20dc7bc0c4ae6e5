package price

import (
	"errors"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/region"
)

func TestPrices(t *testing.T) {
	b := New(
		map[grid.Pair]Price{{From: "aws:us-east-1", To: "local:east"}: {USD: 0.09, Source: "configuration"}},
		map[region.Region]Price{"local:west": {USD: 0.5, Source: "configuration"}},
	)
	var unknown *UnknownError
	for _, c := range []struct {
		name string
		ask  func() (Price, error)
		want Price
		fail bool
	}{
		{"stated egress", func() (Price, error) { return b.Egress("aws:us-east-1", "local:east") }, Price{USD: 0.09, Source: "configuration"}, false},
		{"owned egress", func() (Price, error) { return b.Egress("ssh:rack1", "local:east") }, Price{Assumed: true, Source: "assumed"}, false},
		{"unknown egress", func() (Price, error) { return b.Egress("local:east", "aws:us-east-1") }, Price{}, true},
		{"stated machine", func() (Price, error) { return b.Machine("local:west", "") }, Price{USD: 0.5, Source: "configuration"}, false},
		{"owned machine", func() (Price, error) { return b.Machine("ssh:rack1", "") }, Price{Source: "your own"}, false},
		{"unknown machine", func() (Price, error) { return b.Machine("aws:us-east-1", "c7gn.8xlarge") }, Price{}, true},
	} {
		got, err := c.ask()
		if got != c.want || errors.As(err, &unknown) != c.fail || (err != nil) != c.fail {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}
