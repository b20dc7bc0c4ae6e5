package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/engine"
)

// Growth is what a deployment is to become while it is used.
type Growth struct {
	// Layout begins with the deployment's gateways.
	Layout *layout.Layout
	// Zones are as in Config, of machine types that were not asked about before.
	Zones map[region.Kind][]string
	// Agree is asked about Terraform's plan before anything is created.
	Agree func(context.Context, *engine.Plan) error
}

// Grow creates and enrolls the gateways that a layout has more than the
// deployment, and lets all talk to each other as it has it. It touches no gateway
// that is there: a plan that would is not carried out. Where Grow fails the
// gateways that it created are destroyed again or, if ctx has ended, left to
// Destroy, like the networks of regions that had none.
func (d *Deployment) Grow(ctx context.Context, g Growth) error {
	d.replacing.Lock()
	defer d.replacing.Unlock()
	was := d.cfg.Layout
	there := len(was.Gateways)
	switch {
	case len(g.Layout.Gateways) <= there || !slices.Equal(was.Gateways, g.Layout.Gateways[:there]):
		return errors.New("the layout does not begin with the deployment's gateways, or has no others")
	case time.Until(d.NotAfter()) < minRemaining:
		return fmt.Errorf("the run's gateways end at %s, too soon for others to join them", d.NotAfter().Format(time.RFC3339))
	}
	d.cfg.Layout, d.cfg.Zones = g.Layout, merged(d.cfg.Zones, g.Zones)
	err := d.grow(ctx, was, g.Agree)
	if err != nil {
		err = errors.Join(err, d.shrink(ctx, was))
	}
	return err
}

func (d *Deployment) grow(ctx context.Context, was *layout.Layout, agree func(context.Context, *engine.Plan) error) error {
	if err := Check(d.cfg); err != nil {
		return err
	}
	if err := d.decideMore(ctx, was); err != nil {
		return err
	}
	tokens := map[route.Gateway]enroll.Token{}
	for _, g := range d.cfg.Layout.Gateways[len(was.Gateways):] {
		tokens[g.Name] = d.authority.NewToken()
	}
	if err := d.write(tokens); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil { // there may be more modules and providers
		return err
	}
	p, err := d.engine.Plan(ctx, engine.PlanOptions{})
	if err != nil {
		return err
	}
	if err = d.spares(p, was); err == nil && agree != nil {
		err = agree(ctx, p)
	}
	if err != nil {
		return errors.Join(err, d.engine.Discard(ctx, p))
	}
	if err := d.create(ctx, p, tokens); err != nil {
		return err
	}
	return d.connect(ctx, tokens)
}

// decideMore makes the choices for the gateways that are not among those that
// were there, whose choices stay.
func (d *Deployment) decideMore(ctx context.Context, was *layout.Layout) error {
	ports, err := choosePorts(d.cfg.Layout, d.cfg.Settings)
	if err != nil {
		return err
	}
	cidrs, err := controlCIDRs(ctx, d.cfg)
	if err != nil {
		return err
	}
	zones := firstZones(d.cfg)
	for _, g := range was.Gateways {
		delete(ports, g.Name)
		delete(zones, g.Name)
	}
	return d.choose(func(c *choices) {
		c.Ports, c.Zones = merged(c.Ports, ports), merged(c.Zones, zones)
		if !uses(was, region.AWS, region.GCP, region.Azure) {
			c.ControlCIDRs = cidrs
		}
	})
}

// merged is a map of two, of which the second has precedence.
func merged[K comparable, V any](a, b map[K]V) map[K]V {
	all := map[K]V{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// shrink takes back what Grow made of a layout.
func (d *Deployment) shrink(ctx context.Context, was *layout.Layout) error {
	d.cfg.Layout = was
	d.mu.Lock()
	var errs []error
	for name, g := range d.gateways {
		if !slices.ContainsFunc(was.Gateways, func(x layout.Gateway) bool { return x.Name == name }) {
			errs = append(errs, g.client.Close())
			delete(d.gateways, name)
		}
	}
	d.mu.Unlock()
	if ctx.Err() == nil {
		errs = append(errs, d.conform(ctx))
	}
	return errors.Join(errs...)
}

// conform brings everything but the layout's gateways, which it must not touch, in
// line with the layout and what was chosen for it.
func (d *Deployment) conform(ctx context.Context) error {
	if err := d.write(map[route.Gateway]enroll.Token{}); err != nil {
		return err
	}
	p, err := d.engine.Plan(ctx, engine.PlanOptions{})
	if err != nil {
		return err
	}
	if p.Changes == (engine.Changes{}) {
		return d.engine.Discard(ctx, p)
	}
	if err := d.spares(p, d.cfg.Layout); err != nil {
		return errors.Join(err, d.engine.Discard(ctx, p))
	}
	return d.engine.Apply(ctx, p)
}

// errTouches is a plan that would change a gateway which is to stay as it is.
var errTouches = errors.New("Terraform would change a gateway that is in use")

// spares refuses a plan that touches one of a layout's gateways.
func (d *Deployment) spares(p *engine.Plan, l *layout.Layout) error {
	for _, g := range l.Gateways {
		address, err := d.resource(g.Name)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(p.Actions, func(a engine.Action) bool { return a.Address == address }) {
			return fmt.Errorf("%w: %s", errTouches, address)
		}
	}
	return nil
}
