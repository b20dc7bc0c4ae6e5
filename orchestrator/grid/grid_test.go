package grid

import (
	"errors"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/region"
)

func TestLink(t *testing.T) {
	stated := Link{Gbps: 0.1, RTT: 80 * time.Millisecond, Connections: 4, Total: true, Source: "configuration"}
	assumed := Link{Gbps: 1, RTT: time.Millisecond, Connections: 8, Total: true, Assumed: true, Source: "assumed"}
	g := New(map[Pair]Link{
		{"local:east", "local:west"}:    stated,
		{"aws:us-east-1", "local:east"}: stated,
	}, map[region.Region]Gateway{"local:west": {Egress: 0.5}})
	for _, c := range []struct {
		from, to region.Region
		want     Link
		unknown  bool
	}{
		{"local:east", "local:west", stated, false},
		{"local:west", "local:east", assumed, false}, // the way back is another pair
		{"ssh:rack1", "local:east", assumed, false},
		{"aws:us-east-1", "local:east", stated, false},
		{"local:east", "aws:us-east-1", Link{}, true},
		{"aws:us-east-1", "gcp:us-central1", Link{}, true},
	} {
		got, err := g.Link(c.from, c.to)
		var unknown *UnknownError
		if got != c.want || errors.As(err, &unknown) != c.unknown || (err != nil) != c.unknown {
			t.Errorf("%s > %s: %+v, %v", c.from, c.to, got, err)
		}
	}
	if got := g.Gateway("local:west"); got != (Gateway{Egress: 0.5}) {
		t.Errorf("caps of west: %+v", got)
	}
	if got := g.Gateway("local:east"); got != (Gateway{}) {
		t.Errorf("caps of east: %+v", got)
	}
}
