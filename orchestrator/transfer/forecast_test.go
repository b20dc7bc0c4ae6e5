package transfer

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
)

// running is a session in which a reader sends over m0 and m1 to w0, and reads as
// many bytes a second as it is told.
type running struct {
	*scheduler
	asked []Measured
	told  []Event
}

func newRunning(t *testing.T, forecast float64, replan func(Measured) (Replanned, error)) *running {
	x := &running{scheduler: &scheduler{gateways: map[route.Gateway]*gateway{}, left: 1 << 40, inbox: make(chan func()), ctx: t.Context(),
		outlook: outlook{expected: forecast, tally: tally{limits: map[edge]int{}}}}}
	x.cfg = Config{Fleet: newWorld(1), Events: func(e Event) { x.told = append(x.told, e) },
		Replan: func(_ context.Context, m Measured) (Replanned, error) {
			x.asked = append(x.asked, m)
			return replan(m)
		}}
	x.replaceCtx = t.Context()
	for _, name := range []route.Gateway{"r", "m0", "m1", "w0"} {
		x.gateways[name] = &gateway{name: name, ctx: t.Context()}
	}
	r := &reader{gateway: x.gateways["r"], out: map[attempt]*task{{}: {}}, carried: map[int]int64{}}
	for i, m := range []route.Gateway{"m0", "m1"} {
		r.routes = append(r.routes, control.Route{ID: i, Weight: 1, Tree: route.Node{Gateway: "r", Children: []route.Node{
			{Gateway: m, Children: []route.Node{{Gateway: "w0", Writes: []route.Dest{0}}}}}}})
	}
	r.told, r.gateway.statsAt = r.routes, time.Now()
	r.gateway.reader, x.readers = r, []*reader{r}
	r.gateway.stats.Peers = []control.PeerStats{{Name: "m0", Expected: true}, {Name: "m1", Expected: true}}
	x.waits("r", control.ResourceSend, "m0", 8)
	x.waits("m0", control.ResourceReceive, "r", 1)
	x.outlook.looks = []reading{x.read()}
	return x
}

// waits has a gateway wait for another, or for nothing else than a resource of
// its own.
func (x *running) waits(name route.Gateway, on control.Resource, at route.Gateway, chunks float64) {
	stats := &x.gateways[name].stats
	stats.Bottleneck = control.Bottleneck{On: on, Gateway: at, Chunks: chunks}
	stats.Waits = []control.Wait{{On: on, Gateway: at, Chunks: chunks}}
}

// seconds lets the run read, a quarter of it over m0, and reviews it.
func (x *running) seconds(n int, rate int64) {
	r := x.readers[0]
	for range n {
		time.Sleep(time.Second) // fake time
		r.gateway.stats.BytesRead += rate
		r.gateway.statsAt = time.Now()
		r.carried[0] += rate / 4
		r.carried[1] += rate - rate/4
		x.arrived += 4
		x.foresee()
		for waiting := true; waiting; {
			synctest.Wait()
			select {
			case f := <-x.inbox:
				f()
			default:
				waiting = false
			}
		}
	}
}

func stay(m Measured) (Replanned, error) { return Replanned{Forecast: m.Rate}, nil }

// TestARunOffItsForecastIsPlannedAnew: after half a minute, with what each link
// carried, and again only when it is off the new forecast.
func TestARunOffItsForecastIsPlannedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRunning(t, 2000, stay)
		x.seconds(29, 1000)
		if len(x.asked) != 0 {
			t.Fatalf("asked within half a minute: %+v", x.asked)
		}
		x.seconds(2, 1000)
		if len(x.asked) != 1 {
			t.Fatalf("asked %d times", len(x.asked))
		}
		m := x.asked[0]
		want := []Carried{{"m0", "w0", 250, false}, {"m1", "w0", 750, false}, {"r", "m0", 250, true}, {"r", "m1", 750, false}}
		if m.Forecast != 2000 || m.Rate != 1000 || m.Left != 1<<40 || !reflect.DeepEqual(m.Links, want) {
			t.Errorf("measured %+v, want %+v", m, want)
		}
		x.seconds(60, 1000)
		if len(x.asked) != 1 {
			t.Error("asked again though nothing changed")
		}
		x.seconds(60, 1500)
		if len(x.asked) != 2 || x.asked[1].Forecast != 1000 || x.asked[1].Rate <= 1200 || x.asked[1].Rate > 1500 {
			t.Errorf("faster than the new forecast: %+v", x.asked[1:])
		}
		if len(x.told) != 0 {
			t.Errorf("told %+v of nothing", x.told)
		}
	})
}

// TestBurstsAreOneRate: what is slow is so also where nothing moves for a while.
func TestBurstsAreOneRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newRunning(t, 2000, stay)
		for _, rate := range []int64{0, 3000, 0} {
			x.seconds(10, rate)
		}
		if len(x.asked) != 1 || x.asked[0].Rate != 1000 {
			t.Errorf("%+v", x.asked)
		}
	})
}

// TestWhatSaysNothingOfTheRoutes is no reason to ask.
func TestWhatSaysNothingOfTheRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		rates  []int64 // for ten seconds each
		change func(*running)
	}{
		"a fifth less":            {[]int64{840, 840, 840, 840}, nil},
		"a fifth more":            {[]int64{1190, 1190, 1190, 1190}, nil},
		"slow for a moment":       {[]int64{600, 1000, 1000, 600, 1000, 1000}, nil},
		"in bursts":               {[]int64{0, 2800, 0, 0, 2800, 0}, nil},
		"slow, then fast":         {[]int64{800, 800, 1100, 1300, 800, 800}, nil},
		"the source is slow":      {[]int64{500, 500, 500, 500}, func(x *running) { x.waits("r", control.ResourceRead, "", 8) }},
		"a limit is kept":         {[]int64{500, 500, 500, 500}, func(x *running) { x.waits("r", control.ResourceLimit, "", 8) }},
		"there is nothing to do":  {[]int64{500, 500, 500, 500}, func(x *running) { clear(x.readers[0].out) }},
		"it is nearly done":       {[]int64{500, 500, 500, 500}, func(x *running) { x.left = 4000 }},
		"a gateway does not work": {[]int64{500, 500, 500, 500}, func(x *running) { x.gateways["m1"].state = replacing }},
		"a route is down":         {[]int64{500, 500, 500, 500}, func(x *running) { x.readers[0].down = []int{1} }},
		"nothing was promised":    {[]int64{500, 500, 500, 500}, func(x *running) { x.outlook.expected = 0 }},
		"few chunks arrived":      {[]int64{500, 500, 500}, func(x *running) { x.arrived = -1 << 40 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newRunning(t, 1000, stay)
				if c.change != nil {
					c.change(x)
				}
				for _, rate := range c.rates {
					x.seconds(10, rate)
				}
				if len(x.asked) != 0 {
					t.Errorf("asked: %+v", x.asked)
				}
			})
		})
	}
}

// TestWhichLinksAreTheLimit: a link is, where the sender waits for the receiver,
// and the receiver for nothing but the sender.
func TestWhichLinksAreTheLimit(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*running)
		want   bool
	}{
		"the receiver waits for it":           {func(*running) {}, true},
		"the receiver has nothing to do":      {func(x *running) { x.gateways["m0"].stats = control.Stats{} }, true},
		"the receiver waits for the next":     {func(x *running) { x.waits("m0", control.ResourceSend, "w0", 6) }, false},
		"the receiver waits now and then":     {func(x *running) { x.waits("m0", control.ResourceSend, "w0", 1) }, true},
		"acknowledgements that come late":     {func(x *running) { x.waits("r", control.ResourceAck, "m0", 8) }, true},
		"of others than it waits for":         {func(x *running) { x.waits("r", control.ResourceSend, "m1", 8) }, false},
		"the sender does not wait for long":   {func(x *running) { x.waits("r", control.ResourceSend, "m0", 0.2) }, false},
		"the sender waits for its source":     {func(x *running) { x.waits("r", control.ResourceRead, "", 9) }, false},
		"the sender waits for its processors": {func(x *running) { x.gateways["r"].stats.Bottleneck.On = control.ResourceCPU }, false},
		"the receiver is lost":                {func(x *running) { x.gateways["m0"].state = replacing }, false},
		"nobody knows the receiver":           {func(x *running) { delete(x.gateways, "m0") }, false},
	} {
		x := newRunning(t, 1000, stay)
		c.change(x)
		if got := x.isLimit(x.gateways["r"], "m0"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestNewRoutesAreTakenOver, and what the planner says is told.
func TestNewRoutesAreTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var x *running
		x = newRunning(t, 2000, func(Measured) (Replanned, error) {
			routes := slices.Clone(x.readers[0].routes)
			routes[0].Weight = 0.1
			routes = append(routes, control.Route{ID: 2, Weight: 3, Tree: route.Node{Gateway: "r", Children: []route.Node{{Gateway: "w0", Writes: []route.Dest{0}}}}})
			return Replanned{Forecast: 1900, Reason: "over there", Routes: map[route.Gateway][]control.Route{"r": routes}}, nil
		})
		x.seconds(31, 1000)
		told := x.cfg.Fleet.(*world).told["r"]
		if len(told) != 1 || len(told[0]) != 3 || told[0][0].Weight != 0.1 || told[0][2].Weight != 3 || !reflect.DeepEqual(x.readers[0].told, told[0]) {
			t.Errorf("the reader was told %+v", told)
		}
		if len(x.told) != 2 || x.told[0].Kind != EventReplanned || x.told[0].Reason != "over there" || x.outlook.expected != 1900 || !slices.Equal(x.outlook.told, []string{"over there"}) {
			t.Errorf("told %+v, expects %v", x.told, x.outlook.expected)
		}
	})
}

// TestAnAnswerThatCannotBeFollowed leaves the routes as they are, and is told.
func TestAnAnswerThatCannotBeFollowed(t *testing.T) {
	to := func(reader, at route.Gateway) Replanned {
		return Replanned{Forecast: 1900, Reason: "over there", Routes: map[route.Gateway][]control.Route{reader: {
			{Tree: route.Node{Gateway: reader, Children: []route.Node{{Gateway: at, Writes: []route.Dest{0}}}}}}}}
	}
	for _, c := range []struct {
		answer Replanned
		err    error
		want   string
	}{
		{Replanned{}, errors.New("no figures"), "no figures"},
		{to("w0", "m0"), nil, "w0, which does not read"},
		{to("r", "x0"), nil, "no part of the run"},
	} {
		synctest.Test(t, func(t *testing.T) {
			x := newRunning(t, 2000, func(Measured) (Replanned, error) { return c.answer, c.err })
			before := x.readers[0].routes
			x.seconds(61, 1000)
			if len(x.told) != 1 || x.told[0].Kind != EventReplanned || !strings.Contains(x.told[0].Error, c.want) {
				t.Errorf("told %+v, want once %q", x.told, c.want)
			}
			if !reflect.DeepEqual(x.readers[0].routes, before) || x.outlook.expected != 1000 {
				t.Errorf("routes %+v, expects %v", x.readers[0].routes, x.outlook.expected)
			}
		})
	}
}
