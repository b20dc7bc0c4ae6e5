package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/budget"
	"github.com/skyctl/skyctl/agent/internal/gauge"
	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/internal/relay"
	"github.com/skyctl/skyctl/agent/internal/sink"
	"github.com/skyctl/skyctl/agent/internal/source"
	"github.com/skyctl/skyctl/agent/route"
)

// Config says who an agent is.
type Config struct {
	Name     route.Gateway
	Run      string
	Version  string    // of the program
	NotAfter time.Time // when the program ends itself; told to the orchestrator
	Network  *Network  // nil: the agent reaches no other
	Log      *slog.Logger
	// MemoryLimit is told the budget in bytes whenever it is configured, so
	// that a program which is nothing but an agent can bound its heap.
	MemoryLimit func(budget int64)
}

// Network is how an agent and its peers reach and recognise each other.
type Network struct {
	Sockets    []net.PacketConn                                 // to listen on, all of one port; the agent closes them
	Listener   net.Listener                                     // the same port of TCP; the agent closes it; nil: none
	Server     *tls.Config                                      // for accepted QUIC connections
	ServerTCP  *tls.Config                                      // for accepted TCP connections
	Client     func(peer route.Gateway) *tls.Config             // for a connection to the peer
	PeerOf     func(tls.ConnectionState) (route.Gateway, error) // whose an accepted connection is
	ServeHTTP3 func(context.Context, *quic.Conn) error          // the control API's connections
	ServeHTTP  func(*tls.Conn)                                  // the same over TCP, handed over
	Dial       func() (net.PacketConn, error)                   // a socket for one dialed connection; nil: any UDP port
	// DialTCP connects to a host and port; nil: by the machine's TCP.
	DialTCP func(ctx context.Context, address string) (net.Conn, error)
}

// DefaultMemory is the budget until Configure says another, in bytes.
const DefaultMemory = 512 << 20

// PartShare is the part of an agent's memory that holds parts on their way
// into a store: what the orchestrator may share out as credit.
func PartShare(memory int64) int64 { return memory / 2 }

// windowShare is the part that receive windows may grow into; the rest is for
// stream buffers, unacknowledged sends and the SDKs.
func windowShare(memory int64) int64 { return memory / 4 }

// stopWithin bounds how long a store that does not stop keeps an agent alive.
const stopWithin = 10 * time.Second

// Agent implements control.API.
type Agent struct {
	cfg     Config
	links   *link.Endpoint // nil without a network
	results *resultLog
	stores  *stores
	relay   *relay.Relay
	sink    *sink.Sink
	limit   *source.Limit
	gauge   *gauge.Gauge
	sampler *gauge.Sampler

	configuring sync.Mutex // one Configure or Quiesce at a time
	stopped     bool       // guarded by configuring
	mu          sync.Mutex // guards what follows
	session     *session
	keyholders  []route.Gateway
	parts       *budget.Budget
	windows     *budget.Budget
	memory      int64

	chunksRead, bytesRead int64 // in earlier sessions
}

var _ control.API = (*Agent)(nil)

// New returns an agent that waits to be configured. Run must be called: it
// listens, and stops the agent.
func New(cfg Config) *Agent {
	g := gauge.New()
	a := &Agent{cfg: cfg, results: newResultLog(), stores: newStores(g), session: endedSession(),
		limit: source.NewLimit(&g.Limit), gauge: g, sampler: gauge.NewSampler(g)}
	a.setMemory(DefaultMemory)
	a.sink = sink.New(sink.Config{Store: a.stores.get, Budget: a.partBudget, ReadBack: a.readBack, Waiting: &g.Memory})
	a.relay = relay.New(relay.Config{
		Self: cfg.Name, Run: cfg.Run, Session: a.sessionID, Enter: a.enter, Key: a.runKey, Trusts: a.trusts, Open: a.open, Sink: a.sink, Log: cfg.Log})
	if n := cfg.Network; n != nil {
		a.links = link.New(link.Config{
			Server: n.Server, ServerTCP: n.ServerTCP, Client: n.Client, PeerOf: n.PeerOf,
			ServeHTTP3: n.ServeHTTP3, ServeHTTP: n.ServeHTTP, Socket: n.Dial, DialTCP: n.DialTCP,
			Serve: func(ctx context.Context, peer route.Gateway, s link.Stream) {
				a.relay.Serve(ctx, peer, g.Receiver(peer, s))
			},
			Window: func(delta uint64) (func(), bool) { return a.windowBudget().Grow(delta) }, Log: cfg.Log})
	}
	return a
}

// Run serves until ctx ends. When it returns nil nothing of the agent runs.
func (a *Agent) Run(ctx context.Context) error {
	if a.links != nil {
		if err := a.listen(); err != nil {
			return err
		}
	}
	a.sampler.Run(ctx)
	a.configuring.Lock()
	defer a.configuring.Unlock()
	a.stopped = true
	patience, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	err := a.currentSession().end(patience)
	if a.links != nil {
		a.links.Close()
	}
	return errors.Join(err, a.stores.close())
}

func (a *Agent) listen() error {
	n := a.cfg.Network
	if err := a.links.Listen(n.Sockets...); err != nil {
		if n.Listener != nil {
			err = errors.Join(err, n.Listener.Close())
		}
		return err
	}
	if n.Listener != nil {
		a.links.ListenTCP(n.Listener)
	}
	return nil
}

// open opens a stream to a peer for the relay.
func (a *Agent) open(ctx context.Context, peer route.Gateway, leg link.Leg) (relay.Stream, error) {
	if a.links == nil {
		return nil, fmt.Errorf("this agent has no network to reach %q by", peer)
	}
	s, err := a.links.Open(ctx, peer, leg)
	if err != nil {
		return nil, err
	}
	return a.gauge.Sender(peer, s), nil
}

// carries is what one connection of TLS to a peer carries, in bytes/s.
func (a *Agent) carries(peer route.Gateway) float64 {
	if a.links == nil {
		return math.Inf(1)
	}
	return a.links.Carries(peer)
}

// Probe implements control.API.
func (a *Agent) Probe(ctx context.Context, req control.ProbeRequest) (control.ProbeResult, error) {
	if a.links == nil {
		return control.ProbeResult{}, fmt.Errorf("this agent has no network to reach %q by", req.Peer)
	}
	over := a.links.Probe(ctx, req.Peer, req.Address)
	return control.ProbeResult{QUIC: control.Probed(over[link.QUIC]), TLS: control.Probed(over[link.TLS])}, nil
}

// Measure implements control.API.
func (a *Agent) Measure(ctx context.Context, req control.MeasureRequest) (control.Measured, error) {
	switch {
	case a.links == nil:
		return control.Measured{}, fmt.Errorf("this agent has no network to reach %q by", req.Peer)
	case req.Transport != control.TransportQUIC && req.Transport != control.TransportTLS:
		return control.Measured{}, fmt.Errorf("transport %q is neither quic nor tls", req.Transport)
	case req.Connections < 1 || req.Connections > control.MaxMeasureConnections:
		return control.Measured{}, fmt.Errorf("%d connections are not within 1 and %d", req.Connections, control.MaxMeasureConnections)
	case req.Seconds < 1 || req.Seconds > control.MaxMeasureSeconds:
		return control.Measured{}, fmt.Errorf("%d seconds are not within 1 and %d", req.Seconds, control.MaxMeasureSeconds)
	}
	t, err := a.links.Measure(ctx, req.Peer, req.Address, link.Load{Transport: link.Transport(req.Transport),
		Connections: req.Connections, Seconds: req.Seconds})
	if err != nil {
		return control.Measured{}, fmt.Errorf("measure the way to %s: %w", req.Peer, err)
	}
	return control.Measured(t), nil
}

// Info implements control.API.
func (a *Agent) Info(context.Context) (control.Info, error) {
	return control.Info{Name: a.cfg.Name, Run: a.cfg.Run, Version: a.cfg.Version, PID: os.Getpid(),
		Session: a.sessionID(), NotAfter: a.cfg.NotAfter}, nil
}

// Results implements control.API.
func (a *Agent) Results(ctx context.Context, after uint64, yield func([]control.Result) error) error {
	return a.results.follow(ctx, after, yield)
}
