package cli

import (
	"reflect"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// request parses the arguments of cp.
func request(t *testing.T, args ...string) orchestrator.Request {
	t.Helper()
	var g grammar
	parser, err := newParser(&g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(append([]string{"cp", "src", "dst"}, args...)); err != nil {
		t.Fatal(err)
	}
	req, err := g.Cp.request()
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestRequest(t *testing.T) {
	usd := func(u unit.USD) *unit.USD { return &u }
	number := func(n int) *int { return &n }
	plain := orchestrator.Request{Copy: places.Copy{Source: "src", Dests: []string{"dst"}}, Goals: quote.Goals{Mode: "overlay"}, Verify: "auto", Transport: "auto", Compress: "auto"}
	with := func(change func(*orchestrator.Request)) orchestrator.Request {
		req := plain
		change(&req)
		return req
	}
	for _, c := range []struct {
		name string
		args []string
		env  map[string]string
		want orchestrator.Request
	}{
		{name: "nothing", want: plain},
		{name: "several destinations", args: []string{"dst2", "-r"}, want: with(func(r *orchestrator.Request) {
			r.Dests, r.Recursive = []string{"dst", "dst2"}, true
		})},
		{name: "no gateways is not the same as nothing said", args: []string{"--gateways", "0"}, want: with(func(r *orchestrator.Request) {
			r.Gateways = number(0)
		})},
		{name: "a cost of nothing is not the same as nothing said", args: []string{"--max-cost", "0"}, want: with(func(r *orchestrator.Request) {
			r.MaxCost = usd(0)
		})},
		{
			name: "a limit", args: []string{"--bwlimit", "250Mbps"}, want: with(func(r *orchestrator.Request) { r.BWLimit = 0.25 }),
		},
		{
			name: "goals",
			args: []string{"--max-cost=1.50", "--max-time=20m", "--min-throughput", "2.5Gbps", "--gateways=3", "--route=direct", "--verify=read", "--transport=tls", "--compress", "never", "--chunk-size", "16MiB"},
			want: with(func(r *orchestrator.Request) {
				r.MaxCost, r.MaxTime, r.MinThroughput, r.Gateways = usd(1.5), 20*time.Minute, 2.5, number(3)
				r.Mode, r.Verify, r.ChunkSize, r.Transport, r.Compress = "direct", "read", 16*unit.MiB, "tls", "never"
			}),
		},
		{
			name: "the environment",
			env:  map[string]string{"SKYCTL_GATEWAYS": "2", "SKYCTL_ROUTE": "direct", "SKYCTL_MAX_COST": "3", "SKYCTL_CHUNK_SIZE": "8MB"},
			args: []string{"--max-cost", "4"},
			want: with(func(r *orchestrator.Request) {
				r.Gateways, r.Mode, r.MaxCost, r.ChunkSize = number(2), "direct", usd(4), 8*unit.MB
			}),
		},
		{
			name: "filters in the order given",
			args: []string{"--exclude", "a", "--include=b", "-r", "--include", "c,d", "--exclude=e"},
			want: with(func(r *orchestrator.Request) {
				r.Recursive = true
				r.Filters = []places.Filter{{Exclude: true, Pattern: "a"}, {Pattern: "b"}, {Pattern: "c,d"}, {Exclude: true, Pattern: "e"}}
			}),
		},
		{
			name: "filters of the environment give way to those of the same flag",
			env:  map[string]string{"SKYCTL_INCLUDE": "x", "SKYCTL_EXCLUDE": "y"},
			args: []string{"--include", "a", "--include", "b"},
			want: with(func(r *orchestrator.Request) {
				r.Filters = []places.Filter{{Pattern: "a"}, {Pattern: "b"}, {Exclude: true, Pattern: "y"}}
			}),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			if got := request(t, c.args...); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}
