package link

import (
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

// Paths is what is known of the connections to a peer.
type Paths struct {
	Wanted bool // streams may be opened towards it
	Open   int  // connections now
	TLS    int  // of these
	Path        // RTT is the mean of these, which all hold or not; packets are of all there ever were
}

// Paths tells of every peer what its connections' transport has measured. A
// connection that cannot be asked any more counts with what it said last.
func (e *Endpoint) Paths() map[route.Gateway]Paths {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[route.Gateway]Paths{}
	for name, p := range e.peers {
		all[name] = p.paths()
	}
	return all
}

func (p *peer) paths() Paths {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := Paths{Wanted: true, Path: p.past}
	var rtt time.Duration
	measured := 0
	x.Holds = len(p.conns) > 0
	for _, c := range p.conns {
		c.look()
		x.Sent, x.Lost = x.Sent+c.path.Sent, x.Lost+c.path.Lost // also while its streams end
		if c.Context().Err() != nil {
			continue
		}
		x.Open++
		if c.over() == TLS {
			x.TLS++
		}
		x.Holds = x.Holds && c.path.Holds
		if c.path.RTT > 0 {
			rtt += c.path.RTT
			measured++
		}
	}
	if measured > 0 {
		x.RTT = rtt / time.Duration(measured)
	}
	return x
}

// look asks the transport, if it still answers. The caller holds the pool's mu.
func (c *connection) look() {
	if path, err := c.measure(); err == nil {
		c.path = path
	}
}
