package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// Config is what Run needs. The agents of all gateways that are named here
// have been configured by the caller with one new control.Config.Session.
type Config struct {
	Journal *journal.Journal
	Fleet   Fleet
	Readers []Reader
	Dests   []Dest // by route.Dest

	Source string // the source's name in control.Config.Stores
	// Stat asks the source for one object with everything it knows of it.
	Stat func(ctx context.Context, key string) (objstore.Object, error)

	ChunkSize int64     // bytes; 0: DefaultChunkSize. An earlier session's choice stays.
	NotAfter  time.Time // when the first gateway ends itself; zero: never
	Retry     Retry     // zero: DefaultRetry
	Health    Health    // zero: DefaultHealth
	Limit     int64     // bytes a second that all readers together may read; 0: any number

	// Roles is for how long after the start a store may refuse gateways that it
	// is to let in: what a cloud allows a new machine is not known everywhere at
	// once. 0: everybody's rights are known.
	Roles time.Duration

	// Forecast is the rate that the plan promises, in bytes a second to each
	// destination; 0: nothing is promised. Replan is asked for other routes when
	// the run was off that by more than a fifth for half a minute, because of its
	// routes and not of its stores. It is called from a goroutine of its own, once
	// at a time, and its ctx ends when the session stops; nil: routes stay.
	Forecast float64
	Replan   func(context.Context, Measured) (Replanned, error)

	// Place says where a gateway is, for people: a region. Nil: its name.
	Place  func(route.Gateway) string
	Events func(Event)
}

// Fleet is the gateways of the run.
type Fleet interface {
	// API returns the client of a gateway, after Replace that of the new one.
	API(name route.Gateway) control.API

	// Replace puts a new, configured gateway in the place of a lost one. The
	// old one must have ended, or be unable to write, when it returns nil. It
	// may be called for several gateways at once, and stops when ctx ends.
	Replace(ctx context.Context, name route.Gateway) error

	// Reroute has a reader send new chunks along these of its routes, with
	// these weights, also if it is replaced later.
	Reroute(ctx context.Context, reader route.Gateway, routes []control.Route) error
}

// Reader is a gateway that reads the source.
type Reader struct {
	Name   route.Gateway
	Routes []control.Route // as in its control.Config
	Window Window
}

// Window bounds what a reader has been assigned and not yet answered. It should
// be about twice what the reader can have under way, so that it never waits
// for the orchestrator. At least one chunk is always allowed. Zero fields mean
// the default.
type Window struct {
	Chunks int   // default 2048
	Bytes  int64 // default 512 MiB
}

// Dest is a destination of the run.
type Dest struct {
	URL     string          // what the user calls it, for messages
	Store   string          // its name in control.Config.Stores
	Writers []route.Gateway // who may begin, commit and abort there
	Limits  objstore.Limits
}

// Retry says how often and how fast what failed is tried again.
type Retry struct {
	Attempts int           // of one chunk or call, the first included
	Initial  time.Duration // before the second attempt; doubles, with jitter
	Max      time.Duration // between attempts
}

// DefaultRetry gives up after about 10 seconds of waiting.
var DefaultRetry = Retry{Attempts: 6, Initial: 250 * time.Millisecond, Max: 15 * time.Second}

// Health says when a gateway counts as lost.
type Health struct {
	Poll    time.Duration // between questions after its health and its statistics
	Grace   time.Duration // without an answer before it is lost
	CutOff  time.Duration // the same where no gateway of several answers: it is skyctl that is not connected
	Refused time.Duration // the same where its port refuses connections: nobody is there
	Stalled time.Duration // with chunks to read, and no byte sent, before it is lost
	Calls   time.Duration // how long a call other than Commit may take
}

// DefaultHealth notices a dead gateway in 1 to 12 seconds. Stalled is for what
// should not happen, a chunk that an agent forgot: agents notice stalled routes
// themselves, and a slow store may take minutes for what has been sent.
var DefaultHealth = Health{
	Poll:    time.Second,
	Grace:   10 * time.Second,
	CutOff:  2 * time.Minute,
	Refused: time.Second,
	Stalled: 10 * time.Minute,
	Calls:   2 * time.Minute,
}

const (
	defaultWindowChunks = 2048
	defaultWindowBytes  = 512 << 20

	// stopBefore the first gateway's end dispatch stops, so that what is under
	// way can finish and the run ends resumable (DESIGN, invariant 6).
	stopBefore = 5 * time.Minute
)

// withDefaults returns the configuration complete, or says what is wrong with
// it.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.Journal == nil || c.Fleet == nil || c.Stat == nil:
		return c, errors.New("transfer: Journal, Fleet and Stat must be given")
	case len(c.Readers) == 0:
		return c, errors.New("transfer: no gateway reads the source")
	case len(c.Dests) == 0:
		return c, errors.New("transfer: there is no destination")
	}
	for i, d := range c.Dests {
		if len(d.Writers) == 0 {
			return c, fmt.Errorf("transfer: no gateway writes destination %d", i)
		}
	}
	for _, r := range c.Readers {
		if len(r.Routes) == 0 {
			return c, fmt.Errorf("transfer: reader %s has no route", r.Name)
		}
	}
	if c.Retry == (Retry{}) {
		c.Retry = DefaultRetry
	}
	if c.Health == (Health{}) {
		c.Health = DefaultHealth
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	return c, nil
}

func (w Window) withDefaults() Window {
	if w.Chunks <= 0 {
		w.Chunks = defaultWindowChunks
	}
	if w.Bytes <= 0 {
		w.Bytes = defaultWindowBytes
	}
	return w
}
