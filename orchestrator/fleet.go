package orchestrator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/version"
	"github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/deploy"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// fleet is the gateways of a run as the transfer uses them: it knows how each
// is configured, so that a new one can take the place of a lost one.
type fleet struct {
	deployed gateways // nil: the engine is inside
	inside   *inside
	session  string
	key      []byte // seals what passes through relays, in this session

	mu       sync.Mutex
	planned  planned
	settings settings
	routes   map[route.Gateway][]control.Route // of readers that were told others than those of the layout
	// transports of the pairs that connect, by who dials and whom. A gateway
	// that takes another's place inherits them.
	transports map[[2]route.Gateway]chosen
	moved      map[[2]route.Gateway]chosen // what they have come to, where that is another
	telling    map[route.Gateway]*sync.Mutex
}

// gateways are those that a deployment has brought up.
type gateways interface {
	API(name route.Gateway) control.API
	Addresses() map[route.Gateway]string
	Replace(ctx context.Context, name route.Gateway) error
	Connect(ctx context.Context, l *layout.Layout) error
	Grow(ctx context.Context, g deploy.Growth) error
}

// planned is the overlay that a run follows, by regions and by gateways. Both do
// not change: a run that is planned anew gets others.
type planned struct {
	overlay *overlay.Overlay
	layout  *layout.Layout
}

// settings are what every gateway is told alike, or by its part.
type settings struct {
	memory int64
	verify control.Verify
	// compress lets readers compress what shrinks.
	compress bool
	limit    int64 // bytes a second that all readers together may read; 0: any number
	source   objstore.Config
	dests    []objstore.Config
}

func newFleet(p planned, s settings) *fleet {
	key := make([]byte, control.KeySize)
	rand.Read(key)
	return &fleet{planned: p, session: rand.Text(), key: key, settings: s, routes: map[route.Gateway][]control.Route{},
		transports: map[[2]route.Gateway]chosen{}, moved: map[[2]route.Gateway]chosen{}, telling: map[route.Gateway]*sync.Mutex{}}
}

// rolesSpread is how long what a cloud allows a new machine may take to be known
// everywhere. Azure says up to 10 minutes of role assignments, and is the slowest:
// https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
const rolesSpread = 15 * time.Minute

// byIdentity tells whether gateways in clouds reach a store by the identity of
// their machine, as they are told no credentials of it.
func (f *fleet) byIdentity() bool {
	told := f.told()
	without := func(c objstore.Config) bool { return len(c.Credentials) == 0 && c.Type != "file" && c.Type != "mem" }
	return slices.ContainsFunc(append([]objstore.Config{told.source}, told.dests...), without) &&
		slices.ContainsFunc(f.plan().layout.Gateways, func(g layout.Gateway) bool { return slices.Contains(open.Rentable, g.Region.Cloud()) })
}

// plan is what the fleet follows at the moment.
func (f *fleet) plan() planned {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.planned
}

// follow has the fleet follow another plan from when it is configured. Readers
// keep their routes until they are told others.
func (f *fleet) follow(p planned) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for reader, routes := range f.planned.layout.Routes {
		if _, told := f.routes[reader]; !told {
			f.routes[reader] = routes
		}
	}
	f.planned = p
}

// told is what the gateways are told at the moment.
func (f *fleet) told() settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settings
}

// names are all gateways, the engine inside skyctl if there are none.
func (f *fleet) names() []route.Gateway {
	if f.deployed == nil {
		return []route.Gateway{layout.Inside}
	}
	var names []route.Gateway
	for _, g := range f.plan().layout.Gateways {
		names = append(names, g.Name)
	}
	return names
}

// API implements transfer.Fleet.
func (f *fleet) API(name route.Gateway) control.API {
	if f.deployed != nil {
		return f.deployed.API(name)
	}
	return f.inside.agent
}

// Replace implements transfer.Fleet. The others keep dialing the address of
// the lost gateway, so those that do are told if the new one has another.
func (f *fleet) Replace(ctx context.Context, name route.Gateway) error {
	if f.deployed == nil {
		return errors.New("the engine inside skyctl cannot be replaced")
	}
	before := f.deployed.Addresses()[name]
	if err := f.deployed.Replace(ctx, name); err != nil {
		return err
	}
	if err := f.tell(ctx, name); err != nil || f.deployed.Addresses()[name] == before {
		return err
	}
	return f.introduce(ctx, name)
}

// introduce tells those that dial a gateway where it is now.
func (f *fleet) introduce(ctx context.Context, name route.Gateway) error {
	l := f.plan().layout
	var telling errgroup.Group // that one fails is no reason not to tell the others
	for _, g := range l.Gateways {
		if l.Peers(g.Name)[name] > 0 {
			telling.Go(func() error { return f.tellOrLose(ctx, g.Name) })
		}
	}
	return telling.Wait()
}

// tellOrLose tells a gateway its part. That one does not answer for so long
// that it is lost is no failure: it gets its part when it is replaced itself.
func (f *fleet) tellOrLose(ctx context.Context, name route.Gateway) error {
	const pause = 200 * time.Millisecond
	grace := transfer.DefaultHealth.Grace
	within := func(do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, grace/2)
		defer cancel()
		return do(ctx)
	}
	for since := time.Now(); ; {
		err := within(func(ctx context.Context) error { return f.tell(ctx, name) })
		if err == nil || ctx.Err() != nil {
			return err
		}
		silent := within(func(ctx context.Context) error {
			_, err := f.API(name).Info(ctx)
			return err
		})
		if time.Since(since) >= grace {
			if silent != nil {
				return nil
			}
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// Reroute implements transfer.Fleet.
func (f *fleet) Reroute(ctx context.Context, reader route.Gateway, routes []control.Route) error {
	f.mu.Lock()
	f.routes[reader] = routes
	f.mu.Unlock()
	return f.tell(ctx, reader)
}

// routesOf are the routes that a reader is to use now.
func (f *fleet) routesOf(reader route.Gateway) []control.Route {
	f.mu.Lock()
	defer f.mu.Unlock()
	if rs, ok := f.routes[reader]; ok {
		return rs
	}
	return f.planned.layout.Routes[reader]
}

// share is the part of the run's limit with which a reader begins, by the
// planned weight of its routes. The transfer divides it anew as it goes on.
func (f *fleet) share(reader route.Gateway) int64 {
	limit := f.told().limit
	weight, total := 0.0, 0.0
	for name, routes := range f.plan().layout.Routes {
		for _, r := range routes {
			if total += r.Weight; name == reader {
				weight += r.Weight
			}
		}
	}
	if limit == 0 || weight == 0 {
		return 0
	}
	return max(1, int64(float64(limit)*weight/total))
}

// place is the region that a gateway is in, "" for the engine inside skyctl.
func (f *fleet) place(name route.Gateway) string { return string(f.homes()[name]) }

// configure tells every gateway its part. Writers and relays come first, so
// that a reader finds them ready, and readers that joined the run last: those
// that were there leave them some of their credit and of the limit.
func (f *fleet) configure(ctx context.Context) error {
	now := f.plan()
	readers, joined := now.layout.Readers(), newcomers(now)
	turns := make([][]route.Gateway, 3)
	for _, x := range now.layout.Gateways {
		turn := 0
		if slices.Contains(readers, x.Name) {
			turn = 1
			if slices.Contains(joined, x.Name) {
				turn = 2
			}
		}
		turns[turn] = append(turns[turn], x.Name)
	}
	if f.deployed == nil {
		turns[1] = readers
	}
	for _, names := range turns {
		g, gctx := errgroup.WithContext(ctx)
		for _, name := range names {
			g.Go(func() error { return f.tell(gctx, name) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// restWithin is how long gateways may take to end what an earlier process had
// them do.
const restWithin = 10 * time.Second

// rest ends what an earlier process had the gateways do: what they send would be
// in the way of probes. One that does not come to rest is waited for when it is
// configured.
func (f *fleet) rest(ctx context.Context, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	var resting sync.WaitGroup
	for _, name := range f.names() {
		resting.Go(func() {
			if err := f.API(name).Quiesce(ctx); err != nil {
				log.Warn("end what an earlier process began", "gateway", name, "error", err)
			}
		})
	}
	resting.Wait()
}

// tell tells one gateway its part as it is now. What is told last is what was
// decided last, whoever tells at the same time.
func (f *fleet) tell(ctx context.Context, name route.Gateway) error {
	f.mu.Lock()
	turn := f.telling[name]
	if turn == nil {
		turn = &sync.Mutex{}
		f.telling[name] = turn
	}
	f.mu.Unlock()
	turn.Lock()
	defer turn.Unlock()
	if err := f.API(name).Configure(ctx, f.config(name)); err != nil {
		return fmt.Errorf("configure %s: %w", name, err)
	}
	return nil
}

// config is one gateway's part. Stores, and the key, go only to gateways that
// read or write; a relay gets none.
func (f *fleet) config(name route.Gateway) control.Config {
	told, l := f.told(), f.plan().layout
	c := control.Config{Session: f.session, Memory: told.memory, Verify: told.verify,
		Stores: map[string]objstore.Config{}, Peers: map[route.Gateway]control.Peer{},
		Routes: f.routesOf(name), Limit: f.share(name), Credit: l.Credit(name, agent.PartShare(told.memory))}
	if len(c.Routes) > 0 {
		c.Stores[sourceStore], c.Compress = told.source, told.compress
	}
	for i, d := range told.dests {
		if slices.Contains(l.Writers(route.Dest(i)), name) {
			c.Stores[destStore(i)] = d
		}
	}
	if len(c.Stores) > 0 {
		c.Key, c.Keyholders = f.key, f.keyholders(l)
	}
	if f.deployed != nil {
		at := f.deployed.Addresses()
		for peer, connections := range l.Peers(name) {
			over := f.transport(name, peer)
			c.Peers[peer] = control.Peer{Address: at[peer], Connections: connections, Transport: over.transport, Fallback: over.fallback}
		}
	}
	return c
}

// keyholders are the gateways that read or write.
func (f *fleet) keyholders(l *layout.Layout) (all []route.Gateway) {
	for d := range l.Dests {
		all = append(all, l.Writers(route.Dest(d))...)
	}
	for _, g := range l.Gateways {
		if len(f.routesOf(g.Name)) > 0 {
			all = append(all, g.Name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// insideFleet is the engine inside skyctl for the run's stores, whatever the
// plan says of gateways.
func insideFleet(ctx context.Context, a *attempt) (*fleet, error) {
	inside := &overlay.Overlay{}
	l, err := layout.Build(inside, len(a.places.dests))
	if err != nil {
		return nil, err
	}
	told, err := a.settings(ctx)
	return newFleet(planned{inside, l}, told), err
}

// While the engine works in this process, the collector does as in skyagent: a
// small live heap and plenty of garbage, so it may wait until the heap is
// several times what lives, up to the engine's budget and what else is here.
const (
	insideGCPercent  = 400
	insideHeapMargin = 128 << 20 // bytes: the SDKs, the journal, the listing
)

// inside is the engine in this process.
type inside struct {
	agent   *agent.Agent
	before  collector
	cancel  context.CancelFunc
	stopped sync.WaitGroup
	err     error
}

func (o *Orchestrator) startInside(run *rundir.Run) *inside {
	ctx, cancel := context.WithCancel(context.Background())
	e := &inside{cancel: cancel, before: collector{debug.SetGCPercent(insideGCPercent), debug.SetMemoryLimit(-1)}}
	e.agent = agent.New(agent.Config{Name: layout.Inside, Run: string(run.ID), Version: version.Version, Log: o.Debug,
		MemoryLimit: func(budget int64) { debug.SetMemoryLimit(budget + insideHeapMargin) }})
	e.stopped.Go(func() { e.err = e.agent.Run(ctx) })
	return e
}

func (e *inside) stop() error {
	e.cancel()
	e.stopped.Wait()
	debug.SetGCPercent(e.before.percent)
	debug.SetMemoryLimit(e.before.limit)
	return e.err
}

// collector is how the garbage collector was set.
type collector struct {
	percent int
	limit   int64 // bytes
}
