package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"sync"

	"github.com/skyctl/skyctl/agent/internal/gauge"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/agent/objstore/pace"
)

// stores are the buckets that the orchestrator delegated, opened when they are
// first needed.
type stores struct {
	gauge *gauge.Gauge // counts what they are asked

	mu     sync.Mutex
	config map[string]objstore.Config
	opened map[string]objstore.Bucket

	// retired are buckets whose credentials were renewed: what is under way
	// goes on with them. They are few, one a renewal, and close with the rest.
	retired []objstore.Bucket
}

func newStores(g *gauge.Gauge) *stores {
	return &stores{gauge: g, opened: map[string]objstore.Bucket{}}
}

// configure replaces the set. Buckets whose configuration changed are closed;
// the caller sees to it that nothing uses them.
func (s *stores) configure(config map[string]objstore.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, b := range s.retired {
		errs = append(errs, b.Close())
	}
	s.retired = nil
	for name, b := range s.opened {
		if c, ok := config[name]; !ok || !reflect.DeepEqual(c, s.config[name]) {
			errs = append(errs, b.Close())
			delete(s.opened, name)
		}
	}
	s.config = maps.Clone(config)
	return errors.Join(errs...)
}

// renew has every later get use the new configurations.
func (s *stores) renew(config map[string]objstore.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range config {
		if _, ok := s.config[name]; !ok {
			return notGiven(name)
		}
	}
	for name, c := range config {
		if reflect.DeepEqual(c, s.config[name]) {
			continue
		}
		s.config[name] = c
		if b, ok := s.opened[name]; ok {
			s.retired = append(s.retired, b)
			delete(s.opened, name)
		}
	}
	return nil
}

func (s *stores) get(name string) (objstore.Bucket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b, ok := s.opened[name]; ok {
		return b, nil
	}
	c, ok := s.config[name]
	if !ok {
		return nil, notGiven(name)
	}
	b, err := open.Open(context.Background(), c)
	if err != nil {
		return nil, err
	}
	s.opened[name] = pace.New(s.gauge.Store(name, b))
	return s.opened[name], nil
}

func (s *stores) close() error { return s.configure(nil) }

func notGiven(name string) error {
	return &objstore.Error{Op: "open", Bucket: name, Kind: objstore.KindPermission, Err: fmt.Errorf("this gateway was not given the store")}
}

// Renew implements control.API.
func (a *Agent) Renew(_ context.Context, stores map[string]objstore.Config) error {
	now := a.currentSession()
	if !now.enter() {
		return errNotConfigured
	}
	defer now.leave()
	return a.stores.renew(stores)
}
