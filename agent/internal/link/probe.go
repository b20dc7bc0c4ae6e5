package link

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
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

// maxProbed ends a probe of a fast path before its window does, in bytes.
const maxProbed = 32 << 20

// Probe tries each transport towards a gateway, on a connection that is opened
// for it: first whether both connect, at once, then how much the peer gets,
// one after the other.
func (e *Endpoint) Probe(ctx context.Context, name route.Gateway, address string) map[Transport]Measured {
	transports := []Transport{QUIC, TLS}
	probes := make([]probe, len(transports))
	var dialing sync.WaitGroup
	for i, x := range transports {
		probes[i] = probe{endpoint: e, peer: &peer{name: name, cfg: Peer{Address: address, Transport: x}}}
		dialing.Go(func() { probes[i].connect(ctx, probeConnect) })
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

func (p *probe) connect(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
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

// measure sends for a moment and asks the peer what it got.
func (p *probe) measure(ctx context.Context) (m Measured, err error) {
	if p.err != nil {
		return m, p.err
	}
	// Two round trips at most, and keys: enough to know the order of it.
	window := min(max(2*p.took, probeShort), probeLong).Truncate(time.Millisecond)
	ctx, cancel := context.WithTimeout(ctx, window+2*p.took+probeAnswer)
	defer cancel()
	count, err := p.send(ctx, window, maxProbed)
	if err != nil {
		return m, err
	}
	path, err := p.conn.measure()
	if err != nil {
		return m, err
	}
	return Measured{RTT: path.RTT, Gbps: gbps(count), Sent: path.Sent, Lost: path.Lost}, nil
}

// send has the peer count what it gets in a window, or until most bytes were
// sent, and returns when nothing is sent any more.
func (p *probe) send(ctx context.Context, window time.Duration, most int64) (wire.Count, error) {
	s, err := p.conn.open(ctx, func() {})
	if err != nil {
		return wire.Count{}, err
	}
	defer s.Release()
	stop := context.AfterFunc(ctx, s.Interrupt)
	defer stop()
	var sending sync.WaitGroup
	sending.Go(func() { load(s, window, most) })
	defer sending.Wait() // the peer says that it wants no more
	a, err := wire.ReadAck(s)
	if err != nil {
		s.Interrupt()
		return wire.Count{}, fmt.Errorf("a probe got no answer: %w", err)
	}
	return wire.ParseCount(a.Token)
}

// load writes until the peer wants no more, or most bytes.
func load(s Stream, window time.Duration, most int64) {
	b := make([]byte, wire.MaxFrame)
	wire.PutHead(b, wire.TypeData, wire.MaxData)
	_, err := s.Write((&wire.Probe{Window: window}).Append(nil))
	for sent := int64(0); err == nil && sent < most; sent += wire.MaxData {
		_, err = s.Write(b[:wire.HeadSize+wire.MaxData])
	}
	if err == nil {
		_, err = s.Write(wire.AppendAbort(nil, wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindTransient, Message: "enough"}))
	}
	if err == nil {
		err = s.CloseWrite() // or releasing it would say so once more
	}
	_ = err // the answer, or its lack, says more
}

// gbps is a count's rate; 0 where nothing came.
func gbps(c wire.Count) float64 {
	if c.Took <= 0 {
		return 0
	}
	return float64(c.Bytes) * 8 / c.Took.Seconds() / 1e9
}
