package fleet

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// chainOf is east > mid > west, one gateway each, and their names.
func chainOf(t *testing.T) (*layout.Layout, []route.Gateway) {
	t.Helper()
	o := &overlay.Overlay{Graph: overlay.Graph{Regions: []overlay.Region{{Region: "local:east", Gateways: 1}, {Region: "local:mid", Gateways: 1}, {Region: "local:west", Gateways: 1}},
		Routes: []overlay.Route{{Path: []region.Region{"local:east", "local:mid", "local:west"}, Gbits: 1}}}}
	l, err := layout.Build(o, 1)
	if err != nil {
		t.Fatal(err)
	}
	var names []route.Gateway
	for _, g := range l.Gateways {
		names = append(names, g.Name)
	}
	return l, names
}

// movingGateways are gateways of which each replacement has another address.
type movingGateways struct {
	agents map[route.Gateway]*toldAgent
	mu     sync.Mutex
	at     map[route.Gateway]string
}

func (m *movingGateways) API(name route.Gateway) control.API { return m.agents[name] }

func (m *movingGateways) Addresses() map[route.Gateway]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := map[route.Gateway]string{}
	for name, a := range m.at {
		at[name] = a
	}
	return at
}

func (m *movingGateways) Replace(_ context.Context, name route.Gateway) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[name] += "'"
	m.agents[name].set(nil, nil)
	return nil
}

// toldAgent remembers what it was told.
type toldAgent struct {
	control.API
	mu               sync.Mutex
	silent, refusing error
	peers            map[route.Gateway]control.Peer
}

func (a *toldAgent) set(silent, refusing error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silent, a.refusing = silent, refusing
}

func (a *toldAgent) Configure(_ context.Context, c control.Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := errors.Join(a.silent, a.refusing); err != nil {
		return err
	}
	a.peers = c.Peers
	return nil
}

func (a *toldAgent) Info(context.Context) (control.Info, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return control.Info{}, a.silent
}

// TestAReplacementElsewhere: whoever dials the gateway learns its address; one
// that does not answer is no reason to do without the replacement, one that
// answers and refuses is.
func TestAReplacementElsewhere(t *testing.T) {
	for _, c := range []struct {
		name             string
		silent, refusing error // of east, which dials mid
		recovers         time.Duration
		told             bool
		want             string
	}{
		{name: "all answer", told: true},
		{name: "one is lost too", silent: errors.New("no answer")},
		{name: "one is slow", silent: errors.New("no answer"), recovers: 3 * time.Second, told: true},
		{name: "one refuses", refusing: errors.New("no room"), want: "no room"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, names := chainOf(t)
				east, mid, west := names[0], names[1], names[2]
				m := &movingGateways{agents: map[route.Gateway]*toldAgent{}, at: map[route.Gateway]string{}}
				for _, name := range names {
					m.agents[name], m.at[name] = &toldAgent{}, string(name)
				}
				f := New(l, Settings{})
				f.Use(m)
				if err := f.Configure(t.Context()); err != nil {
					t.Fatal(err)
				}
				m.agents[east].set(c.silent, c.refusing)
				if c.recovers > 0 {
					time.AfterFunc(c.recovers, func() { m.agents[east].set(nil, nil) })
				}
				err := f.Replace(t.Context(), mid)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%v, want %q", err, c.want)
				}
				address := m.Addresses()[mid]
				if got := m.agents[east].peers[mid].Address; (got == address) != c.told {
					t.Errorf("%s dials %q, %s is at %q", east, got, mid, address)
				}
				if got := m.agents[mid].peers[west].Address; got != m.Addresses()[west] {
					t.Errorf("the new %s dials %q", mid, got)
				}
				// The other is replaced in its turn, and learns of both.
				if c.silent == nil || c.told {
					return
				}
				if err := f.Replace(t.Context(), east); err != nil {
					t.Fatal(err)
				}
				if got := m.agents[east].peers[mid].Address; got != address {
					t.Errorf("the new %s dials %q, %s is at %q", east, got, mid, address)
				}
			})
		})
	}
}
