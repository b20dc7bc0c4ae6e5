// Package agenttest runs several real agents in one test process, on loopback
// UDP or on a simulated network, with certificates of one run.
package agenttest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Fleet is the agents of one run.
type Fleet struct {
	t      testing.TB
	opts   Options
	agents map[route.Gateway]*member
	routes []control.Route // that were configured last
}

type member struct {
	*agent.Agent
	address string
	cancel  context.CancelFunc
	stopped sync.WaitGroup
	results Collector
}

// Options say how a fleet's agents reach each other. The zero value is
// loopback UDP, one connection a pair, and a run named "test".
type Options struct {
	Run         string
	Authority   *enroll.Authority
	Connections int
	Memory      int64
	Stores      map[string]objstore.Config
	Streams     int
	Transport   string // of all pairs, as control.Peer says
	Fallback    bool   // the same
	Net         Net    // nil: loopback
	Key         []byte // of the run, given to readers and writers
	Compress    bool
	Log         *slog.Logger
}

// Net is what a fleet's agents reach each other by.
type Net interface {
	// Socket returns another UDP socket of a gateway.
	Socket(name route.Gateway) (net.PacketConn, error)
	// Listen returns a TCP listener of a gateway at the port of one of its
	// sockets.
	Listen(name route.Gateway, socket net.Addr) (net.Listener, error)
	// Dial connects a gateway to an address.
	Dial(ctx context.Context, name route.Gateway, address string) (net.Conn, error)
}

// Start runs the named agents until the test ends.
func Start(t testing.TB, o Options, names ...route.Gateway) *Fleet {
	t.Helper()
	if o.Run == "" {
		o.Run = "test"
	}
	if o.Connections == 0 {
		o.Connections = 1
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Net == nil {
		o.Net = loopback{}
	}
	if o.Authority == nil {
		a, err := enroll.NewAuthority(o.Run, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		o.Authority = a
	}
	f := &Fleet{t: t, opts: o, agents: map[route.Gateway]*member{}}
	t.Cleanup(f.stopAll)
	for _, name := range names {
		f.Add(name)
	}
	return f
}

// Network returns what an agent of the given name needs to join the fleet.
func (f *Fleet) Network(name route.Gateway) (*agent.Network, *enroll.Identity) {
	f.t.Helper()
	id, err := f.opts.Authority.NewIdentity(name)
	if err != nil {
		f.t.Fatal(err)
	}
	socket, listener, err := Port(f.opts.Net, name)
	if err != nil {
		f.t.Fatal(err)
	}
	return &agent.Network{
		Sockets:   []net.PacketConn{socket},
		Listener:  listener,
		Server:    id.ServerConfig(wire.ALPN),
		ServerTCP: id.ServerConfig(wire.ALPN),
		Client:    func(peer route.Gateway) *tls.Config { return id.ClientConfig(peer, wire.ALPN) },
		PeerOf:    agent.GatewayOf,
		Dial:      func() (net.PacketConn, error) { return f.opts.Net.Socket(name) },
		DialTCP: func(ctx context.Context, address string) (net.Conn, error) {
			return f.opts.Net.Dial(ctx, name, address)
		},
	}, id
}

// Add starts one more agent.
func (f *Fleet) Add(name route.Gateway) {
	f.t.Helper()
	n, _ := f.Network(name)
	address := n.Listener.Addr().String()
	a := agent.New(agent.Config{Name: name, Run: f.opts.Run, Version: "test", Network: n, Log: f.opts.Log.With("agent", name)})
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{Agent: a, address: address, cancel: cancel, results: Collector{API: a}}
	m.stopped.Go(func() {
		if err := a.Run(ctx); err != nil {
			f.t.Errorf("agent %s: %v", name, err)
		}
	})
	f.agents[name] = m
}

// Agent returns a running agent.
func (f *Fleet) Agent(name route.Gateway) *agent.Agent { return f.agents[name].Agent }

// Address returns where an agent listens.
func (f *Fleet) Address(name route.Gateway) string { return f.agents[name].address }

// Stop ends an agent and waits for it.
func (f *Fleet) Stop(name route.Gateway) {
	m := f.agents[name]
	delete(f.agents, name)
	m.cancel()
	m.stopped.Wait()
}

func (f *Fleet) stopAll() {
	for name := range f.agents {
		f.Stop(name)
	}
}

// Configure gives every agent its part of the routes: peers along the trees,
// stores, and at each root the routes and its share of the writers' memory.
func (f *Fleet) Configure(session string, routes ...control.Route) {
	f.t.Helper()
	f.routes = routes
	f.ConfigureOthers(session)
}

// ConfigureOthers gives every agent but some its part of the last routes, in
// another session.
func (f *Fleet) ConfigureOthers(session string, but ...route.Gateway) {
	f.t.Helper()
	routes := f.routes
	configs := map[route.Gateway]*control.Config{}
	for name := range f.agents {
		configs[name] = &control.Config{Session: session, Memory: f.opts.Memory, Stores: f.opts.Stores, Streams: f.opts.Streams,
			Peers: map[route.Gateway]control.Peer{}, Credit: map[route.Gateway]int64{}}
	}
	memory := f.opts.Memory
	if memory == 0 {
		memory = agent.DefaultMemory
	}
	readers := map[route.Gateway]bool{}
	for _, r := range routes {
		readers[r.Tree.Gateway] = true
	}
	for _, r := range routes {
		root := configs[r.Tree.Gateway]
		root.Routes = append(root.Routes, r)
		for _, w := range r.Tree.Writers() {
			root.Credit[w.Gateway] = agent.PartShare(memory) / int64(len(readers))
		}
		root.Key, root.Compress = f.opts.Key, f.opts.Compress
		for _, w := range r.Tree.Writers() {
			if c := configs[w.Gateway]; c != nil {
				c.Key = f.opts.Key
			}
		}
		f.connect(configs, &r.Tree)
	}
	var keyholders []route.Gateway
	for name, c := range configs {
		if c.Key != nil {
			keyholders = append(keyholders, name)
		}
	}
	for name, c := range configs {
		if slices.Contains(but, name) {
			continue
		}
		c.Keyholders = keyholders
		if err := f.agents[name].Configure(f.t.Context(), *c); err != nil {
			f.t.Fatalf("configure %s: %v", name, err)
		}
	}
}

func (f *Fleet) connect(configs map[route.Gateway]*control.Config, n *route.Node) {
	for i := range n.Children {
		child := &n.Children[i]
		if c, m := configs[n.Gateway], f.agents[child.Gateway]; c != nil && m != nil {
			c.Peers[child.Gateway] = control.Peer{Address: m.address, Connections: f.opts.Connections, Transport: f.opts.Transport, Fallback: f.opts.Fallback}
		}
		f.connect(configs, child)
	}
}

// Chain returns a route along the gateways whose last writes destination 0.
func Chain(id int, weight float64, names ...route.Gateway) control.Route {
	last := len(names) - 1
	n := route.Node{Gateway: names[last], Writes: []route.Dest{0}}
	for i := last - 1; i >= 0; i-- {
		n = route.Node{Gateway: names[i], Children: []route.Node{n}}
	}
	return control.Route{ID: id, Tree: n, Weight: weight}
}

// Run assigns the chunks to a reader and returns their results, one for each
// destination of each chunk, in the order in which they came.
func (f *Fleet) Run(reader route.Gateway, chunks []control.Assignment) []control.Result {
	f.t.Helper()
	results, err := f.agents[reader].results.Collect(f.t.Context(), chunks)
	if err != nil {
		f.t.Fatalf("%s: %v", reader, err)
	}
	return results
}

// Collect assigns the chunks to a and gathers their results.
func Collect(ctx context.Context, a control.API, chunks []control.Assignment) ([]control.Result, error) {
	return (&Collector{API: a}).Collect(ctx, chunks)
}

// Collector gathers results from one agent, call after call.
type Collector struct {
	API   control.API
	after uint64
}

// batch is how many chunks go into one call of Assign.
const batch = 256

var errEnough = errors.New("enough")

// Collect assigns the chunks and returns their results, one for each
// destination of each chunk, in the order in which they came.
func (c *Collector) Collect(ctx context.Context, chunks []control.Assignment) ([]control.Result, error) {
	want := 0
	for some := range slices.Chunk(chunks, batch) {
		for _, a := range some {
			want += len(a.Dests)
		}
		if err := c.API.Assign(ctx, some); err != nil {
			return nil, err
		}
	}
	var results []control.Result
	err := c.API.Results(ctx, c.after, func(rs []control.Result) error {
		if results = append(results, rs...); len(results) >= want {
			return errEnough
		}
		return nil
	})
	if err != errEnough {
		return results, fmt.Errorf("%d of %d results: %w", len(results), want, err)
	}
	c.after = results[len(results)-1].Seq
	return results, nil
}
