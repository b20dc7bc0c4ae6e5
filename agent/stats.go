package agent

import (
	"cmp"
	"context"
	"maps"
	"runtime"
	"slices"

	"github.com/skyctl/skyctl/agent/control"
)

// Stats implements control.API.
func (a *Agent) Stats(context.Context) (control.Stats, error) {
	now := a.sampler.Last()
	s := control.Stats{
		ChunksWritten: a.sink.Chunks.Load(), BytesWritten: a.sink.Bytes.Load(),
		BytesSent: a.relay.Sent.Load(), BytesReceived: a.relay.Received.Load(), Streams: a.relay.Streams.Load(),
		Goroutines: int64(runtime.NumGoroutine()), Limit: a.limit.BytesPerSecond(),
		Peers: a.peerStats(), Routes: a.gauge.Routes(), Stores: a.gauge.Stores(),
		Waits: now.Waits, CPU: now.CPU, CPUWait: now.CPUWait, Bottleneck: now.Bottleneck,
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s.MemoryUsed, s.MemoryLimit = a.parts.Used()+a.windows.Used(), a.memory
	s.ChunksRead, s.BytesRead = a.chunksRead, a.bytesRead
	if src := a.session.source; src != nil {
		s.ChunksRead, s.BytesRead, s.Queued = s.ChunksRead+src.Chunks.Load(), s.BytesRead+src.Bytes.Load(), int64(src.Queued())
	}
	return s, nil
}

// peerStats are the counters by peer, with what the transports know.
func (a *Agent) peerStats() []control.PeerStats {
	all := a.gauge.Peers()
	if a.links != nil {
		for name, path := range a.links.Paths() {
			p := all[name]
			p.Name, p.Expected, p.Connections, p.TLS = name, path.Wanted, path.Open, path.TLS
			p.RTT, p.Packets, p.Lost = path.RTT, path.Sent, path.Lost
			all[name] = p
		}
	}
	return slices.SortedFunc(maps.Values(all), func(x, y control.PeerStats) int { return cmp.Compare(x.Name, y.Name) })
}

// Limit implements control.API.
func (a *Agent) Limit(_ context.Context, req control.LimitRequest) error {
	now := a.currentSession()
	if !now.enter() {
		return errNotConfigured
	}
	defer now.leave()
	a.limit.Set(req.BytesPerSecond)
	return nil
}
