package transfer

import (
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

// EventKind says what happened.
type EventKind string

const (
	EventListed     EventKind = "listed"     // a part of the listing: Objects, Bytes so far
	EventBegun      EventKind = "begun"      // a session begins: Objects, Bytes pending
	EventChunk      EventKind = "chunk"      // a chunk was acknowledged at Dest: Bytes, Gateway (reader), Route
	EventObject     EventKind = "object"     // an object is done at all destinations: Key, Bytes (its size)
	EventFailed     EventKind = "failed"     // a delivery is given up: Key, Dest, Error
	EventRetry      EventKind = "retry"      // one chunk will be sent again, or (without Key) all that Gateway had not answered: Bytes, Gateway (reader), Error
	EventAnew       EventKind = "anew"       // an object is read again from its start: Key, Bytes (to all destinations), Error
	EventLost       EventKind = "lost"       // Gateway is lost: Error
	EventReplaced   EventKind = "replaced"   // Gateway works again
	EventGone       EventKind = "gone"       // Gateway could not be replaced: Error
	EventGrowing    EventKind = "growing"    // gateways are being added: Reason says which
	EventJoined     EventKind = "joined"     // Gateway joins the run, as --adapt has it
	EventLeftover   EventKind = "leftover"   // something of a write is left at Dest: Key, if it is of one, Error
	EventStopping   EventKind = "stopping"   // no more chunks are sent: Error says why
	EventTransport  EventKind = "transport"  // Gateway reaches Peer by Transport: Reason
	EventRoutes     EventKind = "routes"     // Gateway (reader) uses other routes or weights: Reason
	EventReplanned  EventKind = "replanned"  // the run is off its forecast: Reason says by what, and what was changed; or Error why nothing could be
	EventBottleneck EventKind = "bottleneck" // what holds the run back has changed: Reason
	EventQuiescent  EventKind = "quiescent"  // Gateway has no write in flight any more
)

// Event is a piece of progress, one line of events.jsonl. Which fields beyond
// Time and Kind are set depends on the Kind. Events are for people and
// pictures; what counts is in the journal.
type Event struct {
	Time    time.Time     `json:"time"`
	Kind    EventKind     `json:"event"`
	Key     string        `json:"key,omitempty"`
	Dest    route.Dest    `json:"dest,omitempty"`
	Objects int64         `json:"objects,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"`
	Gateway route.Gateway `json:"gateway,omitempty"`
	Route   int           `json:"route,omitempty"`
	Error   string        `json:"error,omitempty"`

	Peer      route.Gateway `json:"peer,omitempty"`
	Transport string        `json:"transport,omitempty"`
	Reason    string        `json:"reason,omitempty"`
}
