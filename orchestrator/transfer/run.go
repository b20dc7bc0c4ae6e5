package transfer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// attemptsPerSession separates the attempts of sessions, so that a result that
// an agent still holds from an earlier session is nobody's. No chunk has as
// many: attempts that do not count come with the loss of gateways, which ends.
const attemptsPerSession = 100_000

// Run transfers what is pending in the journal, from the first or from any
// later session of the run. It returns nil when every delivery is final and
// every writer has confirmed that it has no write in flight; some may have
// failed, as Result says. Otherwise the error is an *Interrupted; or one of
// the configuration or of the journal as it was before anything was done. The
// Result is that of the run so far in any case.
//
// When ctx ends Run stops sending, lets the agents come to rest, commits what
// was acknowledged, and returns an *Interrupted that wraps ctx's cause. That
// takes at most stopWithin.
func Run(ctx context.Context, cfg Config) (Result, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Result{}, err
	}
	// The journal is read, and what it has is reported, also when ctx has ended.
	unending := context.WithoutCancel(ctx)
	s, err := begin(unending, cfg)
	if err != nil {
		return Result{}, err
	}
	interrupted := s.run(ctx)
	if err := cfg.Journal.Flush(unending); err != nil && interrupted == nil {
		interrupted = journalBroke(err)
	}
	result, err := collect(unending, cfg.Journal.Reader, s.resumed)
	result.Bottleneck, result.Replanned = s.bottleneck.most(), s.outlook.told
	if interrupted != nil {
		return result, errors.Join(interrupted, err)
	}
	return result, err
}

// scheduler is the state of one session. Its fields and all that they lead to
// belong to the goroutine in loop.
type scheduler struct {
	cfg       Config
	session   int32
	chunkSize int64 // of the run
	resumed   int64 // chunks that earlier sessions finished

	ctx     context.Context // of every goroutine; ends when the loop has
	inbox   chan func()     // what other goroutines want done by the loop
	workers sync.WaitGroup
	timers  timers
	began   time.Time

	replaceCtx    context.Context // of Fleet.Replace; ends when the session is stopped
	stopReplacing context.CancelFunc

	gateways map[route.Gateway]*gateway
	cutOff   cutOff
	unlinked map[edge]int    // looks in a row that found no connection
	over     map[edge]string // the transport of its connections
	dividing bool            // readers are being told their shares of the limit

	bottleneck bottleneck
	outlook    outlook
	readers    []*reader
	worked     []time.Time // by destination: when something last got through

	feeder  feeder
	open    int       // objects in memory
	arrived int64     // chunks that did, once a destination
	left    int64     // bytes that no reader was given yet; what an earlier session had finished counts
	queue   []*object // have chunks that were never sent, in order
	again   []*task   // chunks to be sent again now
	held    []*task   // chunks that no reader can send until a gateway works again
	calls   calls
	clock   clock

	untidy    bool         // a writer may have been killed in a write
	quiescing bool         // all is final; the writers are asked to come to rest
	sweeping  bool         // they have, and what one left that was killed is being removed
	stopped   *Interrupted // no more is begun
}

// begin reads where the run stands and records that a session starts.
func begin(ctx context.Context, cfg Config) (*scheduler, error) {
	j := cfg.Journal
	if err := j.Flush(ctx); err != nil {
		return nil, err
	}
	listed, err := j.Value(ctx, journal.KeyListed)
	if err != nil {
		return nil, err
	}
	if listed == "" {
		return nil, errors.New("the listing of the source was not finished; plan the run again")
	}
	counts, err := j.Counts(ctx)
	if err != nil {
		return nil, err
	}
	sessions, err := j.Counter(ctx, journal.CounterSession)
	if err != nil {
		return nil, err
	}
	finished, err := j.FinishedChunks(ctx)
	if err != nil {
		return nil, err
	}
	s := &scheduler{
		cfg: cfg, session: int32(sessions), resumed: finished,
		inbox:      make(chan func()),
		timers:     newTimers(),
		began:      time.Now(),
		gateways:   map[route.Gateway]*gateway{},
		unlinked:   map[edge]int{},
		over:       map[edge]string{},
		bottleneck: bottleneck{seconds: map[string]int{}},
		outlook:    outlook{expected: cfg.Forecast, tally: tally{limits: map[edge]int{}}},
		worked:     make([]time.Time, len(cfg.Dests)),
		untidy:     sessions > 0,
		feeder:     feeder{after: -1},
		left:       counts.PendingBytes,
	}
	if s.chunkSize, err = chunkSizeOf(ctx, cfg, counts.ListedBytes); err != nil {
		return nil, err
	}
	err = errors.Join(
		j.Set(journal.KeyChunkSize, strconv.FormatInt(s.chunkSize, 10)),
		j.Count(journal.CounterSession, 1),
		j.Flush(ctx), // before the first attempt carries the session's number
	)
	s.emit(Event{Kind: EventBegun, Objects: counts.Pending, Bytes: counts.PendingBytes})
	return s, err
}

// chunkSizeOf is the run's chunk size: that of its first session.
func chunkSizeOf(ctx context.Context, cfg Config, bytes int64) (int64, error) {
	v, err := cfg.Journal.Value(ctx, journal.KeyChunkSize)
	if err != nil {
		return 0, err
	}
	if v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n <= 0 {
			return 0, fmt.Errorf("the journal's chunk size is %q", v)
		}
		return n, nil
	}
	if cfg.ChunkSize > 0 {
		return cfg.ChunkSize, nil
	}
	routes := 0
	for _, r := range cfg.Readers {
		routes += len(r.Routes)
	}
	return DefaultChunkSize(bytes, routes), nil
}

// run is the session from its first to its last goroutine.
func (s *scheduler) run(parent context.Context) error {
	// The work does not end with parent: it is brought to rest first.
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	s.ctx = ctx
	s.replaceCtx, s.stopReplacing = context.WithCancel(ctx)
	defer s.workers.Wait()
	defer cancel()
	defer s.stopReplacing()
	defer s.timers.stop()

	s.muster()
	s.sweep()
	s.scheduleEnd()
	s.scheduleClock()
	s.scheduleReview()
	s.loop(parent)
	if s.stopped != nil {
		s.rest()
	}
	s.record(s.clock.account(s.cfg.Journal))
	if s.stopped != nil {
		return s.stopped
	}
	return nil
}

// loop runs the scheduler until everything is final and at rest, or stopped.
func (s *scheduler) loop(parent context.Context) {
	for s.stopped == nil {
		s.feed()
		s.dispatch()
		if s.idle() && s.quiesced() && s.swept() {
			return
		}
		select {
		case f := <-s.inbox:
			f()
		case now := <-s.timers.due():
			s.timers.run(now)
		case <-parent.Done():
			s.interrupt("stopped; skyctl resume goes on", context.Cause(parent))
		case <-s.cfg.Journal.Broken():
			s.record(s.cfg.Journal.Err())
		}
	}
}

// idle tells whether nothing is left to do for any object.
func (s *scheduler) idle() bool {
	return s.feeder.ended && len(s.feeder.backlog) == 0 && s.open == 0 && s.calls.none()
}

// spawn runs f in a goroutine that the session waits for.
func (s *scheduler) spawn(f func()) { s.workers.Go(f) }

// post has the loop run f. It reports false when the session is over.
func (s *scheduler) post(f func()) bool {
	select {
	case s.inbox <- f:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// record takes the error of a journal call: without the journal the run must
// not go on.
func (s *scheduler) record(err error) {
	if err != nil {
		s.stop(journalBroke(err))
	}
}

func journalBroke(err error) *Interrupted {
	return &Interrupted{Reason: "the journal cannot be written; make space and resume", Err: err}
}

func (s *scheduler) emit(e Event) {
	e.Time = time.Now()
	s.cfg.Events(e)
}
