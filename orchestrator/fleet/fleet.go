package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/skyctl/skyctl/agent"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// Fleet is the gateways of a run, or the engine inside skyctl. It implements
// transfer.Fleet.
type Fleet struct {
	deployed Gateways // nil: the engine is inside
	inside   *inside
	session  string
	key      []byte // seals what passes through relays, in this session

	mu     sync.Mutex
	layout *layout.Layout
	told   Settings
	routes map[route.Gateway][]control.Route // of readers that were told others than those of the layout
	// transports of the pairs that connect, by who dials and whom. A gateway
	// that takes another's place inherits them.
	transports map[[2]route.Gateway]chosen
	moved      map[[2]route.Gateway]chosen // what they have come to, where that is another
	telling    map[route.Gateway]*sync.Mutex
}

// Gateways are those that a deployment has brought up.
type Gateways interface {
	API(name route.Gateway) control.API
	Addresses() map[route.Gateway]string
	Replace(ctx context.Context, name route.Gateway) error
}

// Settings are what every gateway is told alike, or by its part.
type Settings struct {
	Memory int64
	Verify control.Verify
	// Compress lets readers compress what shrinks.
	Compress bool
	Limit    int64 // bytes a second that all readers together may read; 0: any number
	Source   objstore.Config
	Dests    []objstore.Config
}

// SourceStore is the name of the source's store in what gateways are told.
const SourceStore = "source"

// DestStore is the name of a destination's.
func DestStore(i int) string { return fmt.Sprintf("dest%d", i) }

// New is the fleet of a layout, of which no gateway has been told anything.
func New(l *layout.Layout, told Settings) *Fleet {
	key := make([]byte, control.KeySize)
	rand.Read(key)
	return &Fleet{layout: l, told: told, session: rand.Text(), key: key, routes: map[route.Gateway][]control.Route{},
		transports: map[[2]route.Gateway]chosen{}, moved: map[[2]route.Gateway]chosen{}, telling: map[route.Gateway]*sync.Mutex{}}
}

// Use has the fleet be gateways that are up.
func (f *Fleet) Use(g Gateways) { f.deployed = g }

// Layout is what the fleet follows at the moment.
func (f *Fleet) Layout() *layout.Layout {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.layout
}

// Follow has the fleet follow another layout from when it is configured. Readers
// keep their routes until they are told others.
func (f *Fleet) Follow(l *layout.Layout) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for reader, routes := range f.layout.Routes {
		if _, told := f.routes[reader]; !told {
			f.routes[reader] = routes
		}
	}
	f.layout = l
}

// Told is what the gateways are told at the moment.
func (f *Fleet) Told() Settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told
}

// names are all gateways, the engine inside skyctl if there are none.
func (f *Fleet) names() []route.Gateway {
	if f.deployed == nil {
		return []route.Gateway{layout.Inside}
	}
	var names []route.Gateway
	for _, g := range f.Layout().Gateways {
		names = append(names, g.Name)
	}
	return names
}

// API implements transfer.Fleet.
func (f *Fleet) API(name route.Gateway) control.API {
	if f.deployed != nil {
		return f.deployed.API(name)
	}
	return f.inside.agent
}

// Replace implements transfer.Fleet. The others keep dialing the address of
// the lost gateway, so those that do are told if the new one has another.
func (f *Fleet) Replace(ctx context.Context, name route.Gateway) error {
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
func (f *Fleet) introduce(ctx context.Context, name route.Gateway) error {
	l := f.Layout()
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
func (f *Fleet) tellOrLose(ctx context.Context, name route.Gateway) error {
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
func (f *Fleet) Reroute(ctx context.Context, reader route.Gateway, routes []control.Route) error {
	f.mu.Lock()
	f.routes[reader] = routes
	f.mu.Unlock()
	return f.tell(ctx, reader)
}

// routesOf are the routes that a reader is to use now.
func (f *Fleet) routesOf(reader route.Gateway) []control.Route {
	f.mu.Lock()
	defer f.mu.Unlock()
	if rs, ok := f.routes[reader]; ok {
		return rs
	}
	return f.layout.Routes[reader]
}

// share is the part of the run's limit with which a reader begins, by the
// planned weight of its routes. The transfer divides it anew as it goes on.
func (f *Fleet) share(reader route.Gateway) int64 {
	limit := f.Told().Limit
	weight, total := 0.0, 0.0
	for name, routes := range f.Layout().Routes {
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

// Place is the region that a gateway is in, "" for the engine inside skyctl.
func (f *Fleet) Place(name route.Gateway) string { return string(f.Layout().Homes()[name]) }

// Configure tells every gateway its part. Writers and relays come first, so
// that a reader finds them ready, and readers that joined the run last: those
// that were there leave them some of their credit and of the limit.
func (f *Fleet) Configure(ctx context.Context) error {
	l := f.Layout()
	readers, joined := l.Readers(), l.Joined()
	turns := make([][]route.Gateway, 3)
	for _, x := range l.Gateways {
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

// Rest ends what an earlier process had the gateways do: what they send would be
// in the way of probes. One that does not come to rest is waited for when it is
// configured.
func (f *Fleet) Rest(ctx context.Context, log *slog.Logger) {
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
func (f *Fleet) tell(ctx context.Context, name route.Gateway) error {
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
func (f *Fleet) config(name route.Gateway) control.Config {
	told, l := f.Told(), f.Layout()
	c := control.Config{Session: f.session, Memory: told.Memory, Verify: told.Verify,
		Stores: map[string]objstore.Config{}, Peers: map[route.Gateway]control.Peer{},
		Routes: f.routesOf(name), Limit: f.share(name), Credit: l.Credit(name, agent.PartShare(told.Memory))}
	if len(c.Routes) > 0 {
		c.Stores[SourceStore], c.Compress = told.Source, told.Compress
	}
	for i, d := range told.Dests {
		if slices.Contains(l.Writers(route.Dest(i)), name) {
			c.Stores[DestStore(i)] = d
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
func (f *Fleet) keyholders(l *layout.Layout) (all []route.Gateway) {
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
