package cli

import (
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// display draws progress on standard error. Calls come one at a time.
type display interface {
	line(text string)        // a whole line, for good
	update(f figures)        // may be drawn, or not; must be quick
	settle()                 // leave nothing on the screen that moves
	interval() time.Duration // at least, between two updates
}

// stand is what is known of the run if skyctl leaves right now.
type stand struct {
	run      rundir.ID
	moving   bool // it has begun to be carried out
	gateways bool // some may exist
}

// progress follows a run by what it reports, and shows it on a display.
type progress struct {
	mu      sync.Mutex
	display display
	closed  bool

	stand       stand
	provisioned bool
	failures    int // that were shown

	figures figures
	perDest []int64 // acknowledged bytes at each destination
	whole   int64   // bytes of the objects that are done at all of them
	begun   time.Time
	updated time.Time
}

// observe is orchestrator.Orchestrator.Observe.
func (p *progress) observe(ev orchestrator.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ev.Run != "" {
		p.stand.run = ev.Run
	}
	switch {
	case ev.Phase != "":
		p.phase(ev)
	case ev.Event != nil:
		p.event(*ev.Event)
	case ev.Line != "":
		p.line(oneLine(ev.Line))
	}
}

// expect says what may exist of a run before it reports anything itself.
func (p *progress) expect(s stand) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stand = s
}

// now says where the run stands.
func (p *progress) now() stand {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stand
}

// say shows a line between the run's own.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(text)
}

// settle stops what moves, so that something else can be written.
func (p *progress) settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.display.settle()
}

// close is settle for good.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.display.settle()
}

func (p *progress) line(text string) {
	if !p.closed {
		p.display.line(text)
	}
}

func (p *progress) phase(ev orchestrator.Progress) {
	switch ev.Phase {
	case orchestrator.PhaseProvision:
		p.provisioned = true
		p.stand.moving, p.stand.gateways = true, true
	case orchestrator.PhaseTransfer:
		// What transfers without having been provisioned needs no gateways.
		p.stand.moving, p.stand.gateways = true, p.provisioned
	}
	p.display.settle()
	text := string(ev.Phase)
	if ev.Note != "" {
		text += ": " + ev.Note
	}
	p.line(text)
}

func (p *progress) event(ev transfer.Event) {
	switch ev.Kind {
	case transfer.EventListed:
		p.figures = figures{listing: true, objects: ev.Objects, bytes: ev.Bytes}
	case transfer.EventBegun:
		p.figures = figures{allObjects: ev.Objects, allBytes: ev.Bytes}
		p.perDest, p.whole, p.begun, p.updated = nil, 0, ev.Time, ev.Time
	case transfer.EventChunk:
		for len(p.perDest) <= int(ev.Dest) {
			p.perDest = append(p.perDest, 0)
		}
		p.perDest[ev.Dest] += ev.Bytes
	case transfer.EventObject:
		p.figures.objects++
		p.whole += ev.Bytes
	case transfer.EventBottleneck:
		p.figures.bottleneck = ev.Reason
	default:
		p.notable(ev)
		return
	}
	p.update(ev.Time)
}

// update passes the figures on, unless that was done a moment ago.
func (p *progress) update(now time.Time) {
	if p.closed || now.Sub(p.updated) < p.display.interval() {
		return
	}
	p.updated = now
	if !p.figures.listing {
		p.figures.elapsed = now.Sub(p.begun)
		p.figures.bytes = p.arrived()
	}
	p.display.update(p.figures)
}

// arrived counts a byte when it is at the slowest destination.
func (p *progress) arrived() int64 {
	slowest := int64(0)
	if len(p.perDest) > 0 {
		slowest = slices.Min(p.perDest)
	}
	return min(p.figures.allBytes, max(p.whole, slowest))
}

// maxFailures is how many failed objects are shown one by one. All are in the
// journal, and the first hundred in the result.
const maxFailures = 10

// notable shows what a user should know of at once.
func (p *progress) notable(ev transfer.Event) {
	why := oneLine(ev.Error)
	switch ev.Kind {
	case transfer.EventFailed:
		if p.failures++; p.failures <= maxFailures {
			p.line("failed: " + printable(ev.Key) + ": " + why)
		} else if p.failures == maxFailures+1 {
			p.line("more objects failed")
		}
	case transfer.EventLost:
		p.line("gateway " + string(ev.Gateway) + " is lost: " + why)
	case transfer.EventReplaced:
		p.line("gateway " + string(ev.Gateway) + " works again")
	case transfer.EventGrowing:
		p.line("adding " + oneLine(ev.Reason))
	case transfer.EventJoined:
		p.line("gateway " + string(ev.Gateway) + " joins")
	case transfer.EventRoutes:
		p.line("gateway " + string(ev.Gateway) + " now uses " + oneLine(ev.Reason))
	case transfer.EventReplanned:
		if why != "" {
			p.line("the routes stay: " + why)
			return
		}
		p.line(oneLine(ev.Reason))
	case transfer.EventGone:
		p.line("gateway " + string(ev.Gateway) + " could not be replaced: " + why)
	case transfer.EventLeftover:
		what := "what a lost gateway left"
		if ev.Key != "" {
			what = "an unfinished write of " + printable(ev.Key)
		}
		p.line(what + " could not be removed: " + why)
	case transfer.EventStopping:
		p.line("stopping: " + why)
	}
}
