package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/budget"
	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/internal/source"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// session is one orchestrator's attempt at the run. Whatever may write belongs
// to one, so that ending it proves that no write is in flight.
type session struct {
	id       string
	readBack bool
	key      []byte // of the run; never changed
	source   *source.Source
	ctx      context.Context
	cancel   context.CancelFunc

	mu    sync.Mutex
	ended bool
	work  sync.WaitGroup
}

var errNotConfigured = errors.New("the agent is not configured, or has been told to stop")

// endedSession stands where none has been configured.
func endedSession() *session {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &session{ctx: ctx, cancel: cancel, ended: true}
}

// enter registers work; false if the session has ended. The worker calls leave.
func (s *session) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.work.Add(1)
	return true
}

func (s *session) leave() { s.work.Done() }

// end stops the session's work and returns when none is left. When ctx ends
// before that, as it may where a store does not stop, the session has ended
// but is not known to be quiet; end may be called again.
func (s *session) end(ctx context.Context) error {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.cancel()
	quiet := make(chan struct{})
	go func() { // ends with the work
		if s.source != nil {
			s.source.Stop()
		}
		s.work.Wait()
		close(quiet)
	}()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("writes are still in flight: %w", ctx.Err())
	}
}

// Configure implements control.API.
func (a *Agent) Configure(ctx context.Context, cfg control.Config) error {
	if cfg.Session == "" {
		return errors.New("a configuration needs a session")
	}
	if n := len(cfg.Key); n != 0 && n != control.KeySize {
		return fmt.Errorf("a run's key has %d bytes, not %d", control.KeySize, n)
	}
	for i := range cfg.Routes {
		if err := cfg.Routes[i].Tree.Validate(); err != nil {
			return err
		}
	}
	a.configuring.Lock()
	defer a.configuring.Unlock()
	if a.stopped {
		return errors.New("the agent has stopped")
	}
	now := a.currentSession()
	if now.id != cfg.Session {
		if err := now.end(ctx); err != nil {
			return err
		}
		if err := a.stores.configure(cfg.Stores); err != nil {
			return err
		}
		a.results.forget(math.MaxUint64) // nobody waits for those of the earlier session
		now = &session{id: cfg.Session, readBack: cfg.Verify == control.VerifyRead, key: cfg.Key}
		now.ctx, now.cancel = context.WithCancel(context.Background())
		now.source = source.New(source.Config{Run: a.cfg.Run, Relay: a.relay, Store: a.stores.get, Done: a.done,
			Starved: a.gauge.Starved, Limit: a.limit, Carries: a.carries}, cfg.Session)
	}
	a.setMemory(cfg.Memory)
	a.setPeers(cfg.Peers)
	a.mu.Lock()
	if before := a.session.source; before != nil && before != now.source {
		a.chunksRead, a.bytesRead = a.chunksRead+before.Chunks.Load(), a.bytesRead+before.Bytes.Load()
	}
	a.session, a.keyholders = now, cfg.Keyholders
	a.mu.Unlock()
	now.source.Configure(cfg)
	return nil
}

// done takes what became of a chunk.
func (a *Agent) done(rs []control.Result) {
	a.gauge.Results(rs)
	a.results.add(rs)
}

func (a *Agent) setPeers(peers map[route.Gateway]control.Peer) {
	if a.links == nil {
		return
	}
	set := map[route.Gateway]link.Peer{}
	for name, p := range peers {
		if p.Connections > 0 || p.Address == "" {
			set[name] = link.Peer{Address: p.Address, Connections: p.Connections, Transport: link.Transport(p.Transport), Fallback: p.Fallback}
		}
	}
	a.links.SetPeers(set)
}

// setMemory makes new budgets if the number changes. Parts held by the old one
// end with it.
func (a *Agent) setMemory(memory int64) {
	if memory <= 0 {
		memory = DefaultMemory
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if memory == a.memory {
		return
	}
	a.memory = memory
	a.parts, a.windows = budget.New(PartShare(memory)), budget.New(windowShare(memory))
	if a.cfg.MemoryLimit != nil {
		a.cfg.MemoryLimit(memory)
	}
}

// Assign implements control.API.
func (a *Agent) Assign(_ context.Context, chunks []control.Assignment) error {
	now := a.currentSession()
	if !now.enter() {
		return errNotConfigured
	}
	defer now.leave()
	return now.source.Assign(chunks)
}

// Quiesce implements control.API.
func (a *Agent) Quiesce(ctx context.Context) error {
	a.configuring.Lock()
	defer a.configuring.Unlock()
	return a.currentSession().end(ctx)
}

func (a *Agent) currentSession() *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.session
}

func (a *Agent) sessionID() string { return a.currentSession().id }

func (a *Agent) readBack() bool { return a.currentSession().readBack }

func (a *Agent) runKey() []byte { return a.currentSession().key }

// trusts tells whether what comes from a peer may be written unsealed.
func (a *Agent) trusts(peer route.Gateway) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.session.key == nil || slices.Contains(a.keyholders, peer)
}

func (a *Agent) partBudget() *budget.Budget {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.parts
}

func (a *Agent) windowBudget() *budget.Budget {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.windows
}

// enter binds the relay's work to the session of now.
func (a *Agent) enter(context.Context) (context.Context, func(), bool) {
	now := a.currentSession()
	return now.ctx, now.leave, now.enter()
}

// bucket is a store of the session that now works on it. The work is to be
// done with the returned context, which ends with the session, and ended with
// done.
func (a *Agent) bucket(ctx context.Context, name string) (_ objstore.Bucket, bound context.Context, done func(), err error) {
	now := a.currentSession()
	if !now.enter() {
		return nil, nil, nil, errNotConfigured
	}
	b, err := a.stores.get(name)
	if err != nil {
		now.leave()
		return nil, nil, nil, err
	}
	bound, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(now.ctx, cancel)
	return b, bound, func() {
		stop()
		cancel()
		now.leave()
	}, nil
}
