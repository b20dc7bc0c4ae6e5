package source

import (
	"math"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

func TestPaceFollowsWhatARouteTakes(t *testing.T) {
	now := time.Unix(1000, 0)
	p := pace{planned: 100}
	if p.expected() != 100 {
		t.Fatalf("before anything is measured: %v", p.expected())
	}
	p.begin(now)
	p.took(20, now.Add(sampleFor/2))
	if p.measured != 0 {
		t.Fatalf("half a sample counts: %v", p.measured)
	}
	p.took(20, now.Add(sampleFor))
	if p.expected() != 40 || p.most() != 100 {
		t.Fatalf("expected %v, most %v", p.expected(), p.most())
	}
	for i := range 20 { // the link has become faster
		p.took(200, now.Add(time.Duration(i+2)*sampleFor))
	}
	if math.Abs(p.expected()-200) > 1 || p.most() != p.expected() {
		t.Errorf("after 20 s at 200: expected %v, most %v", p.expected(), p.most())
	}
	p.rest()
	p.begin(now.Add(time.Hour))
	p.took(200, now.Add(time.Hour+sampleFor))
	if math.Abs(p.expected()-200) > 1 {
		t.Errorf("a pause counts as slowness: %v", p.expected())
	}
}

// slow and fast are a route of 1 MB/s and one of 10, over TLS: each is given
// one chunk at a time and half a second of its rate.
func slowAndFast() *routes {
	x := newRoutes(nil, plenty)
	x.carries = func(route.Gateway) float64 { return 8e6 }
	x.replace([]control.Route{via(0, 0.008, "a", 0), via(1, 0.08, "b", 0)}, plenty,
		map[route.Gateway]control.Peer{"a": {Connections: 8, Transport: control.TransportTLS}, "b": {Connections: 8, Transport: control.TransportTLS}})
	return x
}

const mb = 1_000_000

func TestARouteIsNotGivenWhatItCannotSendSoon(t *testing.T) {
	x, now := slowAndFast(), time.Unix(1000, 0)
	a := of(5*mb, 0)
	var used [2]int
	var last *way
	for {
		w, got := x.choose(a, 1<<40, now)
		if got == wait {
			break
		}
		used[w.route.ID]++
		last = w
	}
	if used != [2]int{1, 2} {
		t.Fatalf("of a job without an end they were given %v", used)
	}
	last.hasSent() // and is not acknowledged
	if w, got := x.choose(a, 1<<40, now); got != found || w.route != last.route {
		t.Errorf("a route that has sent its chunk gets no other: %v", got)
	}
}

func TestNearTheEndASlowRouteGetsNothingThatAFastOneSendsSooner(t *testing.T) {
	x, now := slowAndFast(), time.Unix(1000, 0)
	a := of(5*mb, 0)
	for range 2 {
		if w, got := x.choose(a, 0, now); got != found || w.route.ID != 1 {
			t.Fatalf("the fast route has room: %v", got)
		}
	}
	if _, got := x.choose(a, 0, now); got != wait {
		t.Errorf("the last chunk went where it takes 5 s instead of 1.5")
	}
	if w, got := x.choose(a, 100*mb, now); got != found || w.route.ID != 0 {
		t.Errorf("with 10 s to go the slow route is of use: %v", got)
	}
}

func TestHowManyChunksARouteNeeds(t *testing.T) {
	r := via(0, 0.1, "a", 0) // 12.5 MB/s
	for _, c := range []struct {
		transport string
		each      float64 // bytes/s a connection
		want      int
	}{{control.TransportQUIC, 8e6, 8}, {"", 8e6, 8}, {control.TransportTLS, 8e6, 2}, {control.TransportTLS, 2e6, 7}, {control.TransportTLS, 1e6, 8}} {
		x := newRoutes(nil, nil)
		x.carries = func(route.Gateway) float64 { return c.each }
		x.replace([]control.Route{r}, plenty, map[route.Gateway]control.Peer{"a": {Connections: 8, Transport: c.transport}})
		if _, got := x.choose(of(1, 0), 0, time.Unix(1000, 0)); got != found {
			t.Fatalf("there is no way: %v", got)
		}
		if got := x.all[0].width(); got != c.want {
			t.Errorf("%q, %.0f bytes/s a connection: %d, want %d", c.transport, c.each, got, c.want)
		}
	}
	// A chunk to two at once holds a connection of each.
	r.Tree.Children = append(r.Tree.Children, route.Node{Gateway: "b", Writes: []route.Dest{1}})
	for _, c := range []struct {
		a, b string
		want int
	}{{control.TransportQUIC, control.TransportQUIC, 8}, {control.TransportTLS, control.TransportTLS, 4}, {control.TransportQUIC, control.TransportTLS, 4}} {
		x := newRoutes(nil, nil)
		x.replace([]control.Route{r}, plenty, map[route.Gateway]control.Peer{"a": {Connections: 8, Transport: c.a}, "b": {Connections: 8, Transport: c.b}})
		if got := x.all[0].width(); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
