package journal

import (
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// State is where an object or one of its deliveries stands. The numbers are in
// the database. An object is Pending while one of its deliveries is Pending or
// Staged, and then gets the highest of their states: Failed if one failed,
// else Done if one is done.
type State uint8

const (
	Pending State = 0 // nothing is known at the destination
	Staged  State = 1 // a staged write was begun (deliveries only)
	Skipped State = 2 // not wanted at the destination
	Done    State = 3 // written, acknowledged, digest recorded
	Failed  State = 4 // given up, with the reason
)

var stateNames = [...]string{"pending", "staged", "skipped", "done", "failed"}

// String returns the state in one word.
func (s State) String() string { return stateNames[s] }

// Final tells whether the state never changes again.
func (s State) Final() bool { return s >= Skipped }

// Object is one listed key and what becomes of it.
type Object struct {
	Number     int64 // its place in the listing, from 0
	Key        string
	Size       int64 // bytes
	Version    objstore.Version
	Modified   time.Time
	CRC32C     *chunk.Digest // if the listing reported it
	ChunkSize  int64         // bytes; 0 until it is opened for a staged write, then fixed
	Opened     time.Time     // when that was
	State      State
	Deliveries []Delivery // one a destination, by number
}

// Delivery is one object at one destination.
type Delivery struct {
	Dest     route.Dest
	Key      string // at the destination
	State    State
	Upload   *objstore.Upload // while a staged write may exist at the store
	Digest   *chunk.Digest    // of the object, when Done
	Verified string           // how the digest was checked, when Done
	Failure  *Failure         // when Failed
}

// Delivered is what Deliver records.
type Delivered struct {
	Digest   chunk.Digest
	Verified string // how the digest was checked
	Staged   bool   // it was a staged write
	Lost     objstore.Fields
}

// Loss is metadata that a destination could not keep.
type Loss struct {
	Dest    route.Dest
	Field   objstore.Fields // one of them
	Objects int64           // that had it
}

// Failure is why a delivery was given up.
type Failure struct {
	Stage   string // where: "list", "read", "route", "write", "commit"
	Kind    objstore.Kind
	Message string
}

// Chunk is an acknowledged part of a staged write.
type Chunk struct {
	Object int64
	Dest   route.Dest
	Index  int32
	Digest chunk.Digest
	Token  string // objstore.PartRef.Token
}

// FailedDelivery is a Failure and whose it is.
type FailedDelivery struct {
	Object  int64
	Key     string // at the source
	Dest    route.Dest
	DestKey string
	Failure
}

// StagedDelivery is a staged write that may exist at a store.
type StagedDelivery struct {
	Object int64
	Dest   route.Dest
	State  State
	Upload objstore.Upload
}

// OpenedDelivery may have a staged write at the store that no Stage tells of.
type OpenedDelivery struct {
	Object int64
	Dest   route.Dest
	Key    string // at the destination
	Opened time.Time
}

// Counts are the objects and bytes by state; Listed is the sum of the others.
type Counts struct {
	Listed, Pending, Done, Skipped, Failed                          int64
	ListedBytes, PendingBytes, DoneBytes, SkippedBytes, FailedBytes int64
}

// RouteKey names what one route brought to one destination.
type RouteKey struct {
	Reader route.Gateway
	Route  int // control.Route.ID
	Dest   route.Dest
}

// Names of values and counters that every run has.
const (
	KeyListed      = "listed"      // the source listing's fingerprint; set when it is complete
	KeyChunkSize   = "chunk_size"  // bytes, of the run; see Object.ChunkSize
	CounterSession = "sessions"    // how many times the transfer was begun
	CounterRetries = "retries"     // chunks sent again after a failure
	CounterActive  = "transfer_ns" // first read to last commit, over all sessions
)
