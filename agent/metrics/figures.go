package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skyctl/skyctl/agent/control"
)

// descriptions are all of the metrics.
var descriptions []*prometheus.Desc

func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc("skyagent_"+name, help, labels, nil)
	descriptions = append(descriptions, d)
	return d
}

var (
	chunksRead    = describe("read_chunks_total", "Chunks read from the source store.")
	bytesRead     = describe("read_bytes_total", "Bytes read from the source store.")
	chunksWritten = describe("written_chunks_total", "Chunks written to destination stores and acknowledged.")
	bytesWritten  = describe("written_bytes_total", "Bytes written to destination stores and acknowledged.")

	streams     = describe("streams", "Chunks that other gateways are sending here.")
	queued      = describe("queued_chunks", "Chunks assigned to this reader that have not started.")
	memoryUsed  = describe("memory_used_bytes", "Memory charged to the budget.")
	memoryLimit = describe("memory_limit_bytes", "The budget.")
	goroutines  = describe("goroutines", "Goroutines of the process.")
	limit       = describe("limit_bytes_per_second", "What this reader may read; 0 is no limit.")
	cpu         = describe("cpu_ratio", "The part of its processors that the process used in the last second.")
	cpuWait     = describe("cpu_wait_ratio", "What it wanted beside that in the last second, while others had the processors.")

	peerBytes       = describe("peer_bytes_total", "Bytes on streams with another gateway, frames included.", "peer", "direction")
	peerChunks      = describe("peer_chunks_total", "Streams with another gateway: one a chunk, or a probe.", "peer", "direction")
	peerConnections = describe("peer_connections", "Open connections towards a gateway.", "peer")
	peerRTT         = describe("peer_rtt_seconds", "Smoothed round-trip time, the mean of the open connections.", "peer")
	peerPackets     = describe("peer_packets_total", "Packets sent to a gateway; for TLS, segments.", "peer")
	peerLost        = describe("peer_lost_packets_total", "Packets of these that were lost or sent anew.", "peer")

	routeBytes  = describe("route_bytes_total", "Bytes acknowledged on a route, once for each destination.", "route")
	routeChunks = describe("route_chunks_total", "Chunks that a route brought to a destination, or failed to.", "route", "outcome")

	storeSeconds = describe("store_seconds", "How long requests to a store take. Of open, to the answer; of a write, with the whole body.", "store", "operation")
	storeFailed  = describe("store_failed_total", "Requests to a store that failed.", "store", "operation")

	waitSeconds = describe("wait_seconds_total", "Time that chunks waited for a resource.", "resource", "gateway")
	waiting     = describe("waiting_chunks", "Chunks that waited for a resource, on average over the last second.", "resource", "gateway")
	bottleneck  = describe("bottleneck", "1 for the resource that most chunks waited for in the last second.", "resource", "gateway")
)

// show passes every figure but the histograms on.
func show(s control.Stats, to func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string)) {
	count := func(d *prometheus.Desc, v int64, labels ...string) {
		to(d, prometheus.CounterValue, float64(v), labels...)
	}
	now := func(d *prometheus.Desc, v float64, labels ...string) { to(d, prometheus.GaugeValue, v, labels...) }

	count(chunksRead, s.ChunksRead)
	count(bytesRead, s.BytesRead)
	count(chunksWritten, s.ChunksWritten)
	count(bytesWritten, s.BytesWritten)
	now(streams, float64(s.Streams))
	now(queued, float64(s.Queued))
	now(memoryUsed, float64(s.MemoryUsed))
	now(memoryLimit, float64(s.MemoryLimit))
	now(goroutines, float64(s.Goroutines))
	now(limit, float64(s.Limit))
	now(cpu, s.CPU)
	now(cpuWait, s.CPUWait)
	for _, p := range s.Peers {
		name := string(p.Name)
		count(peerBytes, p.BytesIn, name, "in")
		count(peerBytes, p.BytesOut, name, "out")
		count(peerChunks, p.ChunksIn, name, "in")
		count(peerChunks, p.ChunksOut, name, "out")
		if p.Expected {
			now(peerConnections, float64(p.Connections), name)
			now(peerRTT, p.RTT.Seconds(), name)
			count(peerPackets, p.Packets, name)
			count(peerLost, p.Lost, name)
		}
	}
	for _, r := range s.Routes {
		id := strconv.Itoa(r.ID)
		count(routeBytes, r.Bytes, id)
		count(routeChunks, r.Chunks, id, "done")
		count(routeChunks, r.Failed, id, "failed")
	}
	for _, x := range s.Stores {
		count(storeFailed, x.Failed, x.Store, x.Operation)
	}
	for _, w := range s.Waits {
		to(waitSeconds, prometheus.CounterValue, w.Seconds, string(w.On), string(w.Gateway))
		now(waiting, w.Chunks, string(w.On), string(w.Gateway))
	}
	if b := s.Bottleneck; b.On != "" {
		now(bottleneck, 1, string(b.On), string(b.Gateway))
	}
}
