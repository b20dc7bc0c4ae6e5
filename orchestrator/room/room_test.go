package room

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
)

func kind(text string) region.Kind {
	at, machine, _ := strings.Cut(text, " ")
	return region.Kind{Region: region.Region(at), Machine: machine}
}

func TestLacking(t *testing.T) {
	cfg := deploy.Config{Layout: &layout.Layout{Gateways: []layout.Gateway{
		{Region: "aws:a", Machine: "big"}, {Region: "aws:a", Machine: "big"}, {Region: "gcp:x", Machine: "n2"}, {Region: "gcp:y", Machine: "n2"}}}}
	relay := func(r region.Region) bool { return r != "gcp:y" }
	for what, c := range map[string]struct {
		room account.Room
		want map[string]int
		why  int
	}{
		"room enough": {account.Room{Zones: map[region.Kind][]string{kind("aws:a big"): {"a1"}}}, nil, 0},
		// Of what is not planned nothing is missing; but it is not to be planned instead.
		"a type that is not offered":       {account.Room{Zones: map[region.Kind][]string{kind("aws:a big"): {}, kind("aws:a odd"): {}}}, map[string]int{"aws:a big": 0, "aws:a odd": 0}, 1},
		"another type that is not offered": {account.Room{Zones: map[region.Kind][]string{kind("aws:a big"): {"a1"}, kind("aws:a odd"): {}}}, map[string]int{"aws:a odd": 0}, 0},
		"vCPUs for one":                    {account.Room{Short: []account.Shortage{{Region: "aws:a", Limit: 40, Used: 4, Machines: map[string]int{"big": 32, "small": 4}}}}, map[string]int{"aws:a big": 1, "aws:a small": 9}, 1},
		"the stricter of two":              {account.Room{Short: []account.Shortage{{Region: "gcp:x", Limit: 8, Machines: map[string]int{"n2": 4}}, {Region: "gcp:x", Limit: 4, Machines: map[string]int{"n2": 4}}}}, map[string]int{"gcp:x n2": 1}, 1},
		"no network":                       {account.Room{Short: []account.Shortage{{Region: "aws:a", Limit: 5, Used: 5}}}, map[string]int{"aws:a ": 0}, 1},
		"addresses for three":              {account.Room{Short: []account.Shortage{{Region: "gcp:x", Limit: 8, Used: 5, PerGateway: true}}}, map[string]int{"gcp:x ": 3}, 1},
		"over a limit that was lowered":    {account.Room{Short: []account.Shortage{{Region: "gcp:x", Limit: 8, Used: 9, PerGateway: true}}}, map[string]int{"gcp:x ": 0}, 1},
		"all regions share":                {account.Room{Short: []account.Shortage{{Limit: 70, Machines: map[string]int{"n2": 16}}}}, map[string]int{"gcp:x n2": 2, "gcp:y n2": 2}, 1},
		"of all regions the relay goes":    {account.Room{Short: []account.Shortage{{Limit: 1}}}, map[string]int{"gcp:y ": 0}, 1},
	} {
		t.Run(what, func(t *testing.T) {
			l := Lacking(cfg, c.room, relay)
			want := map[region.Kind]int{}
			for text, n := range c.want {
				want[kind(text)] = n
			}
			if !maps.Equal(l.Most, want) || len(l.Why) != c.why && what != "the stricter of two" {
				t.Errorf("got %v for %q, want %v", l.Most, l.Why, want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	ends := func(r region.Region) bool { return r == "aws:a" }
	known := map[region.Kind]int{kind("aws:a big"): 0, kind("aws:m big"): 0, kind("aws:n big"): 2}
	for what, c := range map[string]struct {
		refusal deploy.Refusal
		want    string
	}{
		"a type":                                {deploy.Refusal{Region: "aws:x", Machine: "small"}, "aws:x small"},
		"the second type of an end":             {deploy.Refusal{Region: "aws:a", Machine: "small"}, "aws:a small"},
		"the second type of a relay":            {deploy.Refusal{Region: "aws:m", Machine: "small"}, "aws:m "},
		"a type where there was too few of one": {deploy.Refusal{Region: "aws:n", Machine: "small"}, "aws:n small"},
		"no network":                            {deploy.Refusal{Region: "aws:a"}, "aws:a "},
	} {
		got := Refused(&deploy.RefusedError{Refusals: []deploy.Refusal{c.refusal}}, known, ends)
		if len(got) != 1 || slices.Collect(maps.Keys(got))[0] != kind(c.want) {
			t.Errorf("%s: got %v, want %s", what, got, c.want)
		}
	}
}

func TestStricter(t *testing.T) {
	known := map[region.Kind]int{kind("aws:a big"): 2}
	for most, want := range map[int]bool{1: true, 2: false, 3: false} {
		if all, news := Stricter(known, map[region.Kind]int{kind("aws:a big"): most}); news != want || all[kind("aws:a big")] != min(most, 2) || known[kind("aws:a big")] != 2 {
			t.Errorf("%d: %v, %t, and known is %v", most, all, news, known)
		}
	}
}
