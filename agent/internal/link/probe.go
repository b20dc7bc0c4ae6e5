package link

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Measured is what a probe found out about one transport.
type Measured struct {
	Error      string // why it does not work; the rest is zero then
	RTT        time.Duration
	Gbps       float64
	Sent, Lost int64 // packets
}

// Times of a probe. A firewall that drops UDP is silent, so connecting has an
// end after which a path of 300 ms would have answered twice. The window is
// four round trips, within bounds: long enough to leave the first packets
// behind, short enough for nobody to wait.
const (
	probeConnect = 1200 * time.Millisecond
	probeShort   = 150 * time.Millisecond
	probeLong    = 350 * time.Millisecond
	probeAnswer  = 500 * time.Millisecond // beyond the window and a round trip
)

// Probe tries each transport towards a gateway, on a connection that is opened
// for it: first whether both connect, at once, then how much the peer gets,
// one after the other.
func (e *Endpoint) Probe(ctx context.Context, name route.Gateway, address string) map[Transport]Measured {
	transports := []Transport{QUIC, TLS}
	probes := make([]probe, len(transports))
	var dialing sync.WaitGroup
	for i, x := range transports {
		probes[i] = probe{endpoint: e, peer: &peer{name: name, cfg: Peer{Address: address, Transport: x}}}
		dialing.Go(func() { probes[i].connect(ctx) })
	}
	dialing.Wait()
	found := map[Transport]Measured{}
	for i, x := range transports {
		p := &probes[i]
		m, err := p.measure(ctx)
		if err != nil {
			m = Measured{Error: err.Error()}
		}
		found[x] = m
		p.close()
	}
	return found
}

// probe is one transport being tried.
type probe struct {
	endpoint *Endpoint
	peer     *peer
	conn     conn
	release  func()
	err      error
	took     time.Duration // to connect
	serving  sync.WaitGroup
}

func (p *probe) connect(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, probeConnect)
	defer cancel()
	start := time.Now()
	if p.conn, p.release, p.err = p.endpoint.connect(ctx, p.peer); p.err == nil {
		p.took = time.Since(start)
		p.serving.Go(func() { p.endpoint.serveStreams(p.peer.name, &connection{conn: p.conn}) })
	}
}

func (p *probe) close() {
	if p.err == nil {
		p.conn.close(codeDone, "")
		p.serving.Wait()
		p.release()
	}
}

// measure sends for a window and asks the peer what it got.
func (p *probe) measure(ctx context.Context) (m Measured, err error) {
	if p.err != nil {
		return m, p.err
	}
	// Two round trips at most, and keys: enough to know the order of it.
	window := min(max(2*p.took, probeShort), probeLong).Truncate(time.Millisecond)
	ctx, cancel := context.WithTimeout(ctx, window+2*p.took+probeAnswer)
	defer cancel()
	s, err := p.conn.open(ctx, func() {})
	if err != nil {
		return m, err
	}
	defer s.Release()
	stop := context.AfterFunc(ctx, s.Interrupt)
	defer stop()
	var sending sync.WaitGroup
	sending.Go(func() { p.send(s, window) })
	a, err := wire.ReadAck(s)
	if err == nil && ctx.Err() == nil {
		var path Path
		if path, err = p.conn.measure(); err == nil {
			m.RTT, m.Sent, m.Lost = path.RTT, path.Sent, path.Lost
		}
	}
	s.Interrupt() // what is left to send is not wanted
	sending.Wait()
	if err != nil {
		return m, fmt.Errorf("a probe got no answer: %w", err)
	}
	count, err := wire.ParseCount(a.Token)
	if err == nil && count.Took > 0 {
		m.Gbps = float64(count.Bytes) * 8 / count.Took.Seconds() / 1e9
	}
	return m, err
}

// send writes until the peer wants no more.
func (p *probe) send(s Stream, window time.Duration) {
	b := make([]byte, wire.MaxFrame)
	wire.PutHead(b, wire.TypeData, wire.MaxData)
	_, err := s.Write((&wire.Probe{Window: window}).Append(nil))
	for err == nil {
		_, err = s.Write(b[:wire.HeadSize+wire.MaxData])
	}
}
