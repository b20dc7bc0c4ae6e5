package control

import (
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

// Stats are an agent's counters since its start, and how it was in the last
// full second.
type Stats struct {
	ChunksRead    int64 `json:"chunks_read"`
	ChunksWritten int64 `json:"chunks_written"`
	BytesRead     int64 `json:"bytes_read"`     // from source stores
	BytesWritten  int64 `json:"bytes_written"`  // to destination stores, acknowledged
	BytesSent     int64 `json:"bytes_sent"`     // payload to other gateways
	BytesReceived int64 `json:"bytes_received"` // payload from other gateways
	Streams       int64 `json:"streams"`        // open now
	Queued        int64 `json:"queued"`         // assigned, not yet started
	MemoryUsed    int64 `json:"memory_used"`    // bytes charged to the budget now
	MemoryLimit   int64 `json:"memory_limit"`   // the budget, in bytes
	Goroutines    int64 `json:"goroutines"`     // now
	Limit         int64 `json:"limit"`          // bytes a second; 0: none

	Peers  []PeerStats  `json:"peers,omitempty"`  // by name
	Routes []RouteStats `json:"routes,omitempty"` // of a reader, by ID
	Stores []StoreStats `json:"stores,omitempty"` // by name and operation
	Waits  []Wait       `json:"waits,omitempty"`

	// CPU is the part of the processors that this process may use which it
	// used in the last second: 1 is all of them.
	CPU float64 `json:"cpu"`
	// CPUWait is what it wanted beside that, while others had the processors:
	// of each thread, so that it may be more than 1. 0 where it cannot be told.
	CPUWait float64 `json:"cpu_wait"`
	// Bottleneck is what most chunks waited for in the last second.
	Bottleneck Bottleneck `json:"bottleneck"`
}

// PeerStats are what passed between this agent and another, frames included,
// and what the transport has measured of the connections to it. Connections,
// loss and RTT are of the side that dials or, where the peer dials, of both.
type PeerStats struct {
	Name        route.Gateway `json:"name"`
	BytesIn     int64         `json:"bytes_in"`
	BytesOut    int64         `json:"bytes_out"`
	ChunksIn    int64         `json:"chunks_in"`   // streams that the peer opened
	ChunksOut   int64         `json:"chunks_out"`  // streams opened towards it
	Expected    bool          `json:"expected"`    // connections towards it are wanted
	Connections int           `json:"connections"` // towards it, open now
	TLS         int           `json:"tls"`         // of these, over TLS
	RTT         time.Duration `json:"rtt_ns"`      // smoothed, the mean of the open connections
	Packets     int64         `json:"packets"`     // sent; segments, for TLS
	Lost        int64         `json:"lost"`        // of them, or sent anew
}

// RouteStats are what was acknowledged on one of the reader's routes. A chunk
// counts once for each destination.
type RouteStats struct {
	ID     int   `json:"id"`
	Chunks int64 `json:"chunks"`
	Bytes  int64 `json:"bytes"`
	Failed int64 `json:"failed"` // chunks that it did not bring there
}

// StoreStats is how long one operation of a store took. Of Open it is the time
// to the answer, of a write that of the whole body.
type StoreStats struct {
	Store     string  `json:"store"` // its name in Config.Stores
	Operation string  `json:"operation"`
	Count     int64   `json:"count"`
	Failed    int64   `json:"failed"`  // of these
	Seconds   float64 `json:"seconds"` // all together
	// Buckets count the operations that took up to LatencyBound(i), the ones of
	// lower buckets left out. What took longer than the last is in Count only.
	Buckets []int64 `json:"buckets"`
}

// LatencyBuckets is the number of StoreStats.Buckets.
const LatencyBuckets = 17

// LatencyBound is the upper bound of a bucket: 1 ms, 2 ms, … 65.5 s.
func LatencyBound(bucket int) time.Duration { return time.Millisecond << bucket }

// Resource is something that chunks wait for.
type Resource string

const (
	ResourceRead    Resource = "read"    // bytes of the source store
	ResourceSend    Resource = "send"    // Gateway taking bytes
	ResourceReceive Resource = "receive" // Gateway sending bytes
	ResourceAck     Resource = "ack"     // Gateway acknowledging what it has
	ResourceCredit  Resource = "credit"  // room at Gateway, a writer, to begin a chunk
	ResourceWrite   Resource = "write"   // a destination store
	ResourceMemory  Resource = "memory"  // of the agent's budget
	ResourceLimit   Resource = "limit"   // the run's limit
	ResourceCPU     Resource = "cpu"     // processors
)

// Wait is how much a resource was waited for. Time counts once for each chunk
// that waits, but for credit: of a reader's queue only the first waits.
type Wait struct {
	On      Resource      `json:"on"`
	Gateway route.Gateway `json:"gateway,omitempty"`
	Seconds float64       `json:"seconds"` // since the agent started
	Chunks  float64       `json:"chunks"`  // that waited on average in the last second
}

// Bottleneck names the resource that held an agent back in the last second.
// The zero value: it had nothing to do.
type Bottleneck struct {
	On      Resource      `json:"on,omitempty"`
	Gateway route.Gateway `json:"gateway,omitempty"`
	Chunks  float64       `json:"chunks"` // that waited for it on average
}
