package fleet

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// TransportAuto lets probes decide; the other policies are control.Transport….
const TransportAuto = "auto"

// TransportChoice is how the gateways of one region reach those of another.
type TransportChoice struct {
	From      region.Region `json:"from"`
	To        region.Region `json:"to"`
	Transport string        `json:"transport"`
	Reason    string        `json:"reason"`
}

// chosen is one pair's transport, and why.
type chosen struct {
	transport, reason string
	fallback          bool // TLS may take its place on the way
}

// clearly is how many times faster a transport must have been in a probe to be
// called faster, and QUIC to be chosen. A probe lasts a fraction of a second, on a long way a few round trips
// of slow start.
const clearly = 2

// chooseTransport decides by what was found out: what works, then what is
// expected to be faster, then what costs less processor time.
func chooseTransport(found control.ProbeResult) chosen {
	quic, tls := found.QUIC, found.TLS
	figures := fmt.Sprintf("in a probe QUIC got %s, TLS %s", probed(quic), probed(tls))
	switch {
	case quic.Error != "" && tls.Error != "":
		return chosen{control.TransportQUIC, fmt.Sprintf("neither answered a probe: QUIC: %s; TLS: %s", quic.Error, tls.Error), true}
	case quic.Error != "":
		return chosen{control.TransportTLS, "UDP does not get through: " + quic.Error, false}
	case tls.Error != "":
		return chosen{control.TransportQUIC, "TCP does not get through: " + tls.Error, true}
	case quic.Gbps > clearly*tls.Gbps:
		return chosen{control.TransportQUIC, "faster: " + figures, true}
	case tls.Gbps > clearly*quic.Gbps:
		return chosen{control.TransportTLS, "faster: " + figures, false}
	}
	return chosen{control.TransportTLS, "about as fast, and cheaper in processor time: " + figures, false}
}

func probed(p control.Probed) string {
	lost := 0.0
	if p.Sent > 0 {
		lost = float64(p.Lost) / float64(p.Sent) * 100
	}
	return fmt.Sprintf("%.2f Gbit/s (%v, %.2f %% lost)", p.Gbps, p.RTT.Round(100*time.Microsecond), lost)
}

// onOneHost tells whether both addresses are this host's: what one gateway
// sends another crosses no network that could be probed.
func onOneHost(a, b string) bool {
	x, _, xerr := net.SplitHostPort(a)
	y, _, yerr := net.SplitHostPort(b)
	return xerr == nil && yerr == nil && x == y
}

// ChooseTransports decides for every two regions that connect, by one pair of
// their gateways, because what a probe sends is paid for; and tells what it
// decided. A probe that could not be made is a reason like another. Pairs for
// which it was decided before stay with that, and others of their regions follow.
func (f *Fleet) ChooseTransports(ctx context.Context, policy string, tell func(transfer.Event)) {
	if f.deployed == nil {
		return
	}
	var choosing sync.WaitGroup
	for _, pairs := range pairs(f.Layout()) {
		choosing.Go(func() {
			var c chosen
			i := slices.IndexFunc(pairs, func(p [2]route.Gateway) bool { return f.transport(p[0], p[1]).transport != "" })
			if i >= 0 {
				c = f.transport(pairs[i][0], pairs[i][1])
			} else {
				c = f.choose(ctx, policy, pairs[0])
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, p := range pairs {
				if f.transports[p].transport == "" {
					f.transports[p] = c
					tell(transfer.Event{Time: time.Now(), Kind: transfer.EventTransport, Gateway: p[0], Peer: p[1], Transport: c.transport, Reason: c.reason})
				}
			}
		})
	}
	choosing.Wait()
}

// transport is what was chosen for a pair, nothing if that is still to be done.
func (f *Fleet) transport(from, to route.Gateway) chosen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.transports[[2]route.Gateway{from, to}]
}

// pairs are the gateways that connect, who dials and whom, by their regions.
func pairs(l *layout.Layout) map[[2]region.Region][][2]route.Gateway {
	all, home := map[[2]region.Region][][2]route.Gateway{}, l.Homes()
	for _, g := range l.Gateways {
		for peer := range l.Peers(g.Name) {
			edge := [2]region.Region{g.Region, home[peer]}
			all[edge] = append(all[edge], [2]route.Gateway{g.Name, peer})
		}
	}
	return all
}

func (f *Fleet) choose(ctx context.Context, policy string, pair [2]route.Gateway) chosen {
	if policy != TransportAuto {
		return chosen{policy, "--transport " + policy, false}
	}
	at := f.deployed.Addresses()
	return probe(ctx, f.API(pair[0]), at[pair[0]], pair[1], at[pair[1]])
}

// Probe returns the transport that is chosen for a gateway at an address to a
// peer at another.
func Probe(ctx context.Context, from control.API, address string, peer route.Gateway, peerAddress string) string {
	return probe(ctx, from, address, peer, peerAddress).transport
}

func probe(ctx context.Context, from control.API, address string, peer route.Gateway, peerAddress string) chosen {
	if onOneHost(address, peerAddress) {
		return chosen{control.TransportTLS, "on one host, where only processor time counts", false}
	}
	found, err := from.Probe(ctx, control.ProbeRequest{Peer: peer, Address: peerAddress})
	if err != nil {
		found.QUIC.Error, found.TLS.Error = err.Error(), err.Error()
	}
	return chooseTransport(found)
}

// Hear notes what transport a pair has come to on the way.
func (f *Fleet) Hear(e transfer.Event) {
	if e.Kind != transfer.EventTransport {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.moved[[2]route.Gateway{e.Gateway, e.Peer}] = chosen{transport: e.Transport, reason: e.Reason}
}

// Choices are the decisions by pairs of regions, as they are by now.
func (f *Fleet) Choices() []TransportChoice {
	home := f.Layout().Homes()
	all := []TransportChoice{}
	f.mu.Lock()
	defer f.mu.Unlock()
	for pair, c := range f.transports {
		if m, ok := f.moved[pair]; ok {
			c = m
		}
		all = append(all, TransportChoice{home[pair[0]], home[pair[1]], c.transport, c.reason})
	}
	slices.SortFunc(all, func(a, b TransportChoice) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Transport, b.Transport), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.CompactFunc(all, func(a, b TransportChoice) bool {
		return a.From == b.From && a.To == b.To && a.Transport == b.Transport
	})
}
