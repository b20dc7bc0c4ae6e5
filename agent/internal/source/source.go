package source

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/relay"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Config is what a Source works with.
type Config struct {
	Run   string
	Relay *relay.Relay
	Store func(name string) (objstore.Bucket, error)
	// Done takes what became of a chunk, one result a destination. It is
	// called from many goroutines.
	Done func([]control.Result)
	// Starved is told which writer's credit the next chunk waits for, "" when
	// none does; nil: nobody wants to know.
	Starved func(writer route.Gateway)
	Limit   *Limit // of the agent; nil: none
	// Carries is what one connection of TLS to a peer carries, in bytes/s, by what
	// is known of the way now.
	Carries func(peer route.Gateway) float64
}

// Chunks at once where the orchestrator does not say. Those being read and sent
// hold buffers, and a request each at the source's store. Those that only wait
// to be acknowledged are as many as fit the way, stores and all, for they cost a
// stack and a stream: outstandingCost is what the two and all gateways together
// make of that. A connection takes no more streams than maxOutstanding.
const (
	maxSending      = 256
	maxOutstanding  = 1024
	outstandingCost = 256 << 10 // of the reader's memory, bytes
)

// Source reads for one session of the run.
type Source struct {
	cfg     Config
	session string
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	queue   []control.Assignment
	queued  int64 // bytes of these
	behind  int64 // bytes of the run that come after the newest of them
	known   attempts
	active  int // chunks under way
	sending int // of these, not sent yet
	most    bounds
	routes  *routes
	coding  coding

	Chunks, Bytes atomic.Int64 // read
}

// bounds are how many chunks may be under way, and of these not sent yet.
type bounds struct{ active, sending int }

func boundsOf(cfg *control.Config) bounds {
	if cfg.Streams > 0 {
		return bounds{cfg.Streams, cfg.Streams}
	}
	return bounds{max(maxSending, min(maxOutstanding, int(cfg.Memory/outstandingCost))), maxSending}
}

type attempt struct {
	chunk   chunk.ID
	attempt int32
}

// attempts are those that are queued or running, and the latest that are not
// any more: a request whose answer was lost comes again when its chunks may be
// long done, and nothing is to be written twice for that.
type attempts struct {
	open          map[attempt]struct{}
	recent, older map[attempt]struct{} // recent becomes older when it is full
}

const maxRecent = 16 << 10

// add tells whether id is new.
func (k *attempts) add(id attempt) bool {
	for _, m := range []map[attempt]struct{}{k.open, k.recent, k.older} {
		if _, ok := m[id]; ok {
			return false
		}
	}
	k.open[id] = struct{}{}
	return true
}

func (k *attempts) finish(id attempt) {
	delete(k.open, id)
	if len(k.recent) >= maxRecent {
		k.older, k.recent = k.recent, map[attempt]struct{}{}
	}
	k.recent[id] = struct{}{}
}

// New starts a source without routes.
func New(cfg Config, session string) *Source {
	s := &Source{cfg: cfg, session: session, most: boundsOf(&control.Config{}), routes: newRoutes(nil, nil),
		known: attempts{open: map[attempt]struct{}{}, recent: map[attempt]struct{}{}}}
	s.routes.carries = cfg.Carries
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Configure replaces the routes and the credit. Chunks under way keep theirs.
func (s *Source) Configure(cfg control.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = boundsOf(&cfg)
	s.routes.replace(cfg.Routes, cfg.Credit, cfg.Peers)
	s.coding = coding{key: cfg.Key, compress: cfg.Compress}
	s.cfg.Limit.Set(cfg.Limit)
	s.pump()
}

// Assign queues chunks. An attempt that was assigned before is ignored.
func (s *Source) Assign(chunks []control.Assignment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return fmt.Errorf("the agent has been told to stop reading")
	}
	for _, a := range chunks {
		if s.known.add(attempt{a.Chunk, a.Attempt}) {
			s.queue = append(s.queue, a)
			s.queued += a.Range.Length
			s.behind = a.Behind
		}
	}
	s.pump()
	return nil
}

// Queued returns the number of chunks that have not started.
func (s *Source) Queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// Stop gives up everything queued and running, and returns when nothing runs
// any more. Chunks that were given up have no result.
func (s *Source) Stop() {
	s.cancel()
	s.mu.Lock()
	s.queue, s.queued = nil, 0
	s.starved("")
	s.mu.Unlock()
	s.running.Wait()
}

// pump starts what can start. The caller holds mu.
func (s *Source) pump() {
	for s.active < s.most.active {
		c, ok := s.next()
		if !ok {
			return // what ends will pump again
		}
		s.active++
		s.running.Go(func() { s.work(c) })
	}
}

// carriage is a chunk with the way it is to take.
type carriage struct {
	assignment control.Assignment
	way        *way
	coding     coding
}

// next takes a chunk that can start off the queue. The caller holds mu.
func (s *Source) next() (c carriage, ok bool) {
	for len(s.queue) > 0 && s.sending < s.most.sending && s.ctx.Err() == nil {
		a := s.queue[0]
		s.starved("")
		way, state := s.routes.choose(&a, s.queued-a.Range.Length+s.behind, time.Now())
		if state == wait {
			s.starved(s.routes.exhausted(&a))
			return carriage{}, false // a chunk that is sent or acknowledged will pump again
		}
		s.queue = s.queue[1:]
		s.queued -= a.Range.Length
		if state == noRoute {
			s.finish(&a, nil, s.failed(&a, -1, control.Failure{Stage: control.StageRoute, Kind: objstore.KindTransient,
				Message: "no route of this gateway leads to the chunk's destinations"}))
			continue
		}
		s.sending++
		return carriage{a, way, s.coding}, true
	}
	return carriage{}, false
}

// work carries c, and then what comes next, until there is nothing. A goroutine
// that stays has the deep stack which the stores' SDKs need: to grow a new one
// for each small object takes a tenth of its processor time.
func (s *Source) work(c carriage) {
	for ok := true; ok; {
		results := s.carry(&c.assignment, c.way, c.coding)
		s.mu.Lock()
		if results != nil {
			s.finish(&c.assignment, c.way, results)
		} else {
			s.putBack(&c)
		}
		if ok = s.active <= s.most.active; ok {
			c, ok = s.next()
		}
		if !ok {
			s.active--
		}
		s.pump() // the credit that came back may be enough for several
		s.mu.Unlock()
	}
}

// putBack has a chunk look for a way once more, before the others. The caller
// holds mu.
func (s *Source) putBack(c *carriage) {
	s.through(c.way)
	c.way.finished(&c.assignment, nil, time.Now())
	if s.ctx.Err() == nil {
		s.queue = slices.Insert(s.queue, 0, c.assignment)
		s.queued += c.assignment.Range.Length
	}
}

// finish reports a chunk and gives its credit back. The caller holds mu.
func (s *Source) finish(a *control.Assignment, w *way, results []control.Result) {
	s.known.finish(attempt{a.Chunk, a.Attempt})
	if w != nil {
		s.through(w)
		w.finished(a, results, time.Now())
	}
	if s.ctx.Err() == nil {
		s.cfg.Done(results)
	}
}

// carry reads one chunk, sends it along the way, and waits for all
// acknowledgements. It returns nil where the way has become slow before it was
// the chunk's turn.
func (s *Source) carry(a *control.Assignment, w *way, how coding) []control.Result {
	start := time.Now()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	h := wire.Header{Run: s.cfg.Run, Session: s.session, Chunk: a.Chunk, Attempt: a.Attempt, Length: a.Range.Length, Route: w.tree}

	leave, err := s.cfg.Limit.enter(ctx, a.Range.Length)
	if err != nil {
		return s.failed(a, w.route.ID, *readFailure(err))
	}
	defer leave()
	in, failure := s.open(ctx, a)
	if failure != nil {
		return s.failed(a, w.route.ID, *failure)
	}
	defer in.close()
	dests, err := destinations(a, in.object.Metadata)
	if err != nil {
		return s.failed(a, w.route.ID, control.Failure{Stage: control.StageRead, Kind: objstore.KindInvalid, Message: err.Error()})
	}
	h.Dests = dests.Append(nil)
	if failure = in.prepare(&h, how); failure != nil {
		return s.failed(a, w.route.ID, *failure)
	}

	if ok, err := s.turn(ctx, a, w); err != nil {
		return s.failed(a, w.route.ID, *readFailure(err))
	} else if !ok {
		return nil
	}
	fan := s.cfg.Relay.Fan(ctx, &h, &dests)
	defer fan.Release()
	digest, failure := in.copy(&gauged{fan, s, w})
	s.sent(w)
	if failure != nil {
		fan.Abort(wire.Failure{Stage: wire.StageRead, Kind: failure.Kind, Message: failure.Message})
		return s.failed(a, w.route.ID, *failure)
	}
	in.close() // the store's connection is free while the acknowledgements come
	leave()
	s.Chunks.Add(1)
	results := make([]control.Result, 0, len(a.Dests))
	fan.Acks(func(ack wire.Ack) {
		r := result(a, w.route.ID, digest, &ack, time.Since(start))
		r.Lost |= in.object.Lost
		results = append(results, r)
	})
	return results
}

// gauged is a fan that tells how much of the chunk it took.
type gauged struct {
	*relay.Fan
	source *Source
	way    *way
}

// data sends a frame that carries so many bytes of the chunk.
func (g *gauged) data(frame []byte, carries int) error {
	pushing := &g.way.route.turns.pushing
	pushing.Add(1)
	err := g.Data(frame)
	pushing.Add(-1)
	g.source.Bytes.Add(int64(carries))
	g.source.mu.Lock()
	defer g.source.mu.Unlock()
	g.way.sends(int64(carries), time.Now())
	return err
}

// sent lets the next chunk have the way.
func (s *Source) sent(w *way) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.through(w)
	s.pump()
}

// through notes, once, that no more of a chunk will be sent. The caller holds mu.
func (s *Source) through(w *way) {
	if !w.sent {
		s.sending--
	}
	w.hasSent()
}

// destinations is what the writers are told. It fails where they would not
// understand it: a peer must not lose its connection over somebody's metadata.
func destinations(a *control.Assignment, meta objstore.Metadata) (wire.Dests, error) {
	dests := wire.Dests{Offset: a.Range.Offset, Metadata: meta}
	for _, d := range a.Dests {
		dests.Dests = append(dests.Dests, wire.Dest{Number: d.Number, Store: d.Store, Key: d.Key, Upload: d.Upload})
	}
	return dests, dests.Check()
}

// failed makes one failure the result at every destination.
func (s *Source) failed(a *control.Assignment, route int, why control.Failure) []control.Result {
	results := make([]control.Result, len(a.Dests))
	for i, d := range a.Dests {
		results[i] = control.Result{Chunk: a.Chunk, Attempt: a.Attempt, Dest: d.Number, Route: route, Failure: &why}
	}
	return results
}

func result(a *control.Assignment, route int, digest chunk.Digest, ack *wire.Ack, took time.Duration) control.Result {
	r := control.Result{Chunk: a.Chunk, Attempt: a.Attempt, Dest: ack.Dest, Route: route, Took: took}
	why := ack.Failure
	if why == nil && ack.Digest != digest {
		why = &wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindCorrupt,
			Message: fmt.Sprintf("the writer acknowledged CRC32C %v, %v was read", ack.Digest, digest)}
	}
	if why != nil {
		r.Failure = &control.Failure{Stage: stages[why.Stage], Kind: why.Kind, Message: why.Message, Gateway: why.Gateway}
		return r
	}
	r.Bytes, r.Digest, r.Token, r.Lost = a.Range.Length, digest, ack.Token, ack.Lost
	switch ack.Verified {
	case wire.VerifiedStore:
		r.Verified = control.VerifiedStore
	case wire.VerifiedRead:
		r.Verified = control.VerifiedRead
	}
	return r
}

var stages = map[wire.Stage]control.Stage{
	wire.StageRead: control.StageRead, wire.StageRoute: control.StageRoute, wire.StageWrite: control.StageWrite,
}
