package control

import (
	"context"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// API is what an agent does for its orchestrator.
type API interface {
	// Info says who and how the agent is. It is also the health check.
	Info(ctx context.Context) (Info, error)

	// Configure gives the agent its part in the run, replacing what it had.
	// A new Session drops the chunks of the earlier one: when Configure
	// returns, none of its writes is in flight any more.
	Configure(ctx context.Context, cfg Config) error

	// Assign queues chunks for reading. A chunk and attempt that the agent
	// already has is ignored. The queue is bounded by the orchestrator, which
	// knows what it has assigned and not yet seen in Results.
	Assign(ctx context.Context, chunks []Assignment) error

	// Results calls yield with what became of assigned chunks, in order of
	// their Seq, from after+1 on, until ctx ends or yield fails. Results up to
	// after are forgotten by the agent. yield is called with an empty slice at
	// least every few seconds, so a caller can tell an idle agent from a dead
	// one.
	Results(ctx context.Context, after uint64, yield func([]Result) error) error

	// Renew replaces the credentials of stores that the agent was configured
	// with, without disturbing what is under way. A store that it does not
	// have is an error.
	Renew(ctx context.Context, stores map[string]objstore.Config) error

	// Begin, Commit, Abort and Parts are the staged write of one object at a
	// destination, done by a gateway near it. Commit also checks the object's
	// digest and says how. Begin says what of the metadata is lost there.
	Begin(ctx context.Context, req BeginRequest) (Begun, error)
	Commit(ctx context.Context, req CommitRequest) (Committed, error)
	Abort(ctx context.Context, req UploadRequest) error
	Parts(ctx context.Context, req UploadRequest) ([]objstore.PartRef, error)

	// Uploads lists the staged writes of one key that an earlier process may
	// have begun without living to note it; see objstore.Bucket.
	Uploads(ctx context.Context, req UploadsRequest) ([]objstore.Upload, error)

	// Sweep removes what killed agents of the run left in directories of a
	// store; see objstore.Sweeper. It is for after Quiesce.
	Sweep(ctx context.Context, req SweepRequest) error

	// Quiesce stops reading and writing and returns when no write of the run
	// is in flight. It comes before success is declared and before an agent's
	// chunks are given to another.
	Quiesce(ctx context.Context) error

	// Probe tries both transports towards a peer, for less than two seconds in
	// all. It needs no configuration. What does not work is in the result.
	Probe(ctx context.Context, req ProbeRequest) (ProbeResult, error)

	// Measure loads the way to a peer for as long as it is asked to, a second
	// and the dialing more. It needs no configuration, and what it sends is
	// paid for.
	Measure(ctx context.Context, req MeasureRequest) (Measured, error)

	// Limit sets how many bytes a second this reader may read from the source,
	// all chunks together; 0: as many as it can. It replaces Config.Limit.
	Limit(ctx context.Context, req LimitRequest) error

	// Stats are counters since the agent started, and what its chunks waited
	// for in the last second.
	Stats(ctx context.Context) (Stats, error)
}

// Info identifies an agent.
type Info struct {
	Name     route.Gateway `json:"name"`
	Run      string        `json:"run"`
	Version  string        `json:"version"`
	PID      int           `json:"pid"`
	Session  string        `json:"session"`   // of the last Configure
	NotAfter time.Time     `json:"not_after"` // when the agent ends itself
}

// Config is an agent's part in a run.
type Config struct {
	Session string                     `json:"session"` // one orchestrator's attempt at the run
	Memory  int64                      `json:"memory"`  // bytes for parts, buffers and windows
	Stores  map[string]objstore.Config `json:"stores,omitempty"`
	Peers   map[route.Gateway]Peer     `json:"peers,omitempty"`
	Routes  []Route                    `json:"routes,omitempty"`
	Credit  map[route.Gateway]int64    `json:"credit,omitempty"` // bytes this reader may have outstanding at a writer
	Streams int                        `json:"streams"`          // chunks this reader may have outstanding, 0: the default
	Verify  Verify                     `json:"verify,omitempty"`
	// Key is the run's, KeySize bytes, for gateways that read or write: a
	// reader that has it seals what passes through a relay.
	Key []byte `json:"key,omitempty"`
	// Keyholders are all gateways that have the key. What comes from another, a
	// relay, is written only if it is sealed.
	Keyholders []route.Gateway `json:"keyholders,omitempty"`
	// Compress lets a reader compress the chunks that shrink.
	Compress bool `json:"compress,omitempty"`
	// Limit is how many bytes a second this reader may read; 0: any number.
	Limit int64 `json:"limit,omitempty"`
}

// LimitRequest is a reader's share of the run's limit.
type LimitRequest struct {
	BytesPerSecond int64 `json:"bytes_per_second"` // 0: no limit
}

// KeySize is the length of a run's key in bytes.
const KeySize = 32

// Peer is another gateway of the run.
type Peer struct {
	Address     string `json:"address"`     // host:port; empty: the peer dials
	Connections int    `json:"connections"` // to open towards it; 0: it receives nothing from this agent
	// Transport of the connections: TransportQUIC, which it is by default, or
	// TransportTLS. Whoever dials decides.
	Transport string `json:"transport,omitempty"`
	// Fallback has TLS take the place of QUIC for connections that UDP does not
	// carry any more.
	Fallback bool `json:"fallback,omitempty"`
}

// The transports of the data plane.
const (
	TransportQUIC = "quic"
	TransportTLS  = "tls"
)

// ProbeRequest names the peer to try.
type ProbeRequest struct {
	Peer    route.Gateway `json:"peer"`
	Address string        `json:"address"` // host:port
}

// ProbeResult is what was found out about the way to a peer.
type ProbeResult struct {
	QUIC Probed `json:"quic"`
	TLS  Probed `json:"tls"`
}

// Probed is one transport on one connection.
type Probed struct {
	Error string        `json:"error,omitempty"` // why it does not work; the rest is zero then
	RTT   time.Duration `json:"rtt_ns"`
	Gbps  float64       `json:"gbps"` // received by the peer in a fraction of a second
	Sent  int64         `json:"sent"` // packets
	Lost  int64         `json:"lost"` // of them, or sent anew
}

// MeasureRequest names the peer, and how to load the way to it.
type MeasureRequest struct {
	Peer        route.Gateway `json:"peer"`
	Address     string        `json:"address"` // host:port
	Transport   string        `json:"transport"`
	Connections int           `json:"connections"` // 1 to MaxMeasureConnections
	Seconds     int           `json:"seconds"`     // 1 to MaxMeasureSeconds
}

// The most that may be asked of Measure.
const (
	MaxMeasureConnections = 64
	MaxMeasureSeconds     = 60
)

// Measured is what came of a load.
type Measured struct {
	RTT   time.Duration `json:"rtt_ns"` // under it, the least of the connections'
	Gbps  []float64     `json:"gbps"`   // received by the peer in each second
	Bytes int64         `json:"bytes"`  // received in all
	Sent  int64         `json:"sent"`   // packets
	Lost  int64         `json:"lost"`   // of them, or sent anew
}

// Route is one of the trees that this reader may send chunks along. Weight is
// the planned rate in Gbit/s: a preference, never a cap.
type Route struct {
	ID     int        `json:"id"`
	Tree   route.Node `json:"tree"`
	Weight float64    `json:"weight"`
}

// Verify says how a written object's digest is checked.
type Verify string

const (
	VerifyAuto Verify = "auto" // the store's checksum, else read back
	VerifyRead Verify = "read" // always read back
)

// Assignment tells a reader to read one chunk and see it written.
type Assignment struct {
	Chunk   chunk.ID         `json:"chunk"`
	Attempt int32            `json:"attempt"`
	Store   string           `json:"store"` // of Config.Stores
	Key     string           `json:"key"`
	Version objstore.Version `json:"version,omitempty"`
	Range   chunk.Range      `json:"range"`
	Dests   []Dest           `json:"dests"`
	Avoid   []int            `json:"avoid,omitempty"` // routes on which it failed before

	// Behind is how many bytes of the run no reader had been given when this
	// chunk was: near its end a reader leaves slow routes out.
	Behind int64 `json:"behind,omitempty"`
}

// Dest is where a chunk is written. With an Upload the chunk is a part of it;
// without one the chunk is a whole object and is put in one step.
type Dest struct {
	Number route.Dest       `json:"number"`
	Store  string           `json:"store"`
	Key    string           `json:"key"`
	Upload *objstore.Upload `json:"upload,omitempty"`
}

// Result is what became of one chunk at one destination.
type Result struct {
	Seq      uint64          `json:"seq"` // of this agent, from 1 on
	Chunk    chunk.ID        `json:"chunk"`
	Attempt  int32           `json:"attempt"`
	Dest     route.Dest      `json:"dest"`
	Route    int             `json:"route"` // -1: none was taken
	Bytes    int64           `json:"bytes"`
	Digest   chunk.Digest    `json:"digest"`             // of what the reader read
	Token    string          `json:"token,omitempty"`    // PartRef.Token
	Verified Verified        `json:"verified,omitempty"` // whole objects only
	Lost     objstore.Fields `json:"lost,omitempty"`     // whole objects only: metadata that the destination cannot keep
	Failure  *Failure        `json:"failure,omitempty"`  // nil: written and durable
	Took     time.Duration   `json:"took_ns"`
}

// Failure says why a chunk was not written.
type Failure struct {
	Stage   Stage         `json:"stage"`
	Kind    objstore.Kind `json:"kind"`
	Message string        `json:"message"`
	Gateway route.Gateway `json:"gateway,omitempty"` // where it happened, if known
}

// Stage is the part of a chunk's way that failed.
type Stage string

const (
	StageRead  Stage = "read"  // from the source store
	StageRoute Stage = "route" // between gateways
	StageWrite Stage = "write" // to the destination store
)

// Verified says how a written object's digest was checked.
type Verified string

const (
	VerifiedStore Verified = "store" // the store reported the digest
	VerifiedRead  Verified = "read"  // the object was read back
)

// UploadRequest names a staged write and the store it is in.
type UploadRequest struct {
	Store  string          `json:"store"`
	Upload objstore.Upload `json:"upload"`
}

// BeginRequest starts a staged write. Its metadata is that of the source.
type BeginRequest struct {
	Store    string            `json:"store"`
	Key      string            `json:"key"`
	Size     int64             `json:"size"`
	Metadata objstore.Metadata `json:"metadata"`
}

// Begun is a staged write that takes parts.
type Begun struct {
	Upload objstore.Upload `json:"upload"`
	Lost   objstore.Fields `json:"lost,omitempty"` // metadata that the destination cannot keep
}

// UploadsRequest asks for the staged writes of one key, begun at Since or later.
type UploadsRequest struct {
	Store string    `json:"store"`
	Key   string    `json:"key"`
	Since time.Time `json:"since"`
}

// SweepRequest names directories of a store, each empty or ending in a slash.
type SweepRequest struct {
	Store string   `json:"store"`
	Dirs  []string `json:"dirs"`
}

// CommitRequest ends a staged write.
type CommitRequest struct {
	Store  string             `json:"store"`
	Upload objstore.Upload    `json:"upload"`
	Parts  []objstore.PartRef `json:"parts"`
	Digest chunk.Digest       `json:"digest"` // of the whole object
}

// Committed is a visible object whose digest was checked.
type Committed struct {
	Version  objstore.Version `json:"version"`
	Verified Verified         `json:"verified"`
	Lost     objstore.Fields  `json:"lost,omitempty"` // beyond what Begin said
}
