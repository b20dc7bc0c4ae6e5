package link

import (
	"math"

	"github.com/skyctl/skyctl/agent/route"
)

// fullSocket is what one TCP connection carries at 300 ms with the 4 MB of buffer
// that it gets of a kernel nobody has tuned, and half of it in use: bytes/s.
const fullSocket = 8e6

// segmentSize is the payload of a TCP segment on the usual path, in bytes.
const segmentSize = 1448

// Carries is what one TLS connection to the peer is to be expected to carry, in
// bytes/s, by what was measured of those that there are.
func (e *Endpoint) Carries(name route.Gateway) float64 {
	p := e.peer(name)
	if p == nil {
		return fullSocket
	}
	return carries(p.paths().Path)
}

// carries is what buffers allow or, where congestion control takes each loss for
// congestion, what loss leaves: the law of Mathis and others for Reno, near which
// its successors are on the paths that it is slow on.
func carries(p Path) float64 {
	if p.Holds || p.RTT <= 0 || p.Sent <= 0 || p.Lost <= 0 {
		return fullSocket
	}
	loss := float64(p.Lost) / float64(p.Sent)
	return min(fullSocket, math.Sqrt(1.5/loss)*segmentSize/p.RTT.Seconds())
}
