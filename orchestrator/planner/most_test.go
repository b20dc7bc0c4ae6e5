package planner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/grid"
	"github.com/skyctl/skyctl/orchestrator/price"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// TestMost: what a cloud does not give is not planned, and the next best takes
// its place: also a type that would be left out because the one that lacks does
// as much for the same money.
func TestMost(t *testing.T) {
	w := newWorld().link("a>b", 10, 0).link("a>m", 100, 0).link("m>b", 100, 0)
	g := grid.New(w.links, nil).WithMachines(map[region.Cloud][]grid.Machine{region.AWS: {
		{Type: "good", Egress: 4, Ingress: 4}, {Type: "poor", Egress: 4, Ingress: 4}}})
	prices := typed{price.New(w.egress, nil), map[string]unit.USD{"good": 1, "poor": 2}}
	job := from("a", "b")
	job.MinThroughput = 8
	for what, c := range map[string]struct {
		most map[region.Kind]int
		want string
		err  string
	}{
		"nothing is known":     {nil, "a good x2 b good x2", ""},
		"one of the best":      {map[region.Kind]int{{Region: "aws:a", Machine: "good"}: 1}, "a good x1 a poor x1 b good x2", ""},
		"one of each":          {map[region.Kind]int{{Region: "aws:a", Machine: "good"}: 1, {Region: "aws:a", Machine: "poor"}: 1}, "a good x1 a poor x1 b good x2", ""},
		"none of the best":     {map[region.Kind]int{{Region: "aws:a", Machine: "good"}: 0}, "a poor x2 b good x2", ""},
		"more than are needed": {map[region.Kind]int{{Region: "aws:a", Machine: "good"}: 5}, "a good x2 b good x2", ""},
		"one of all types":     {map[region.Kind]int{{Region: "aws:b"}: 1}, "", "the most is 4 Gbit/s"},
		"two of all types":     {map[region.Kind]int{{Region: "aws:b"}: 2, {Region: "aws:b", Machine: "good"}: 1}, "a good x2 b good x1 b poor x1", ""},
		"too few":              {map[region.Kind]int{{Region: "aws:a", Machine: "good"}: 1, {Region: "aws:a", Machine: "poor"}: 0}, "", "cannot be reached"},
		"a region without any": {map[region.Kind]int{{Region: "aws:a"}: 0}, "", "a gateway in aws:a cannot be reached: its cloud gives none of 2"},
		"a relay without any":  {map[region.Kind]int{{Region: "aws:m"}: 0}, "a good x2 b good x2", ""},
	} {
		t.Run(what, func(t *testing.T) {
			limits := w.limits(8)
			limits.Most = c.most
			o, err := Solve(context.Background(), job, g, prices, limits)
			if c.err != "" {
				if infeasible := (*Infeasible)(nil); !errors.As(err, &infeasible) || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range o.Regions {
				got = append(got, fmt.Sprintf("%s %s x%d", strings.TrimPrefix(string(r.Region), "aws:"), r.Machine, r.Gateways))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got  %v\nwant %s", got, c.want)
			}
		})
	}
}
