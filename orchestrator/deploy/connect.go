package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/terraform/engine"
)

// Connect lets the gateways talk to each other as a layout has it that grew out
// of the deployment's: the same gateways, more pairs of them. Where these are of
// regions that had nothing to say to each other, firewalls are between them, and
// Terraform opens them. It touches no gateway: a plan that would is not carried
// out, and everything stays as it was.
func (d *Deployment) Connect(ctx context.Context, l *layout.Layout) error {
	d.replacing.Lock()
	defer d.replacing.Unlock()
	was := d.cfg.Layout
	if !slices.Equal(was.Gateways, l.Gateways) {
		return errors.New("the layout has other gateways than the deployment")
	}
	d.cfg.Layout = l
	if !slices.ContainsFunc(l.Gateways, func(g layout.Gateway) bool { return !slices.Equal(peers(was, g.Region), peers(l, g.Region)) }) {
		return nil
	}
	err := d.open(ctx)
	if err != nil {
		d.cfg.Layout = was
		err = errors.Join(err, d.write(map[route.Gateway]enroll.Token{}))
	}
	return err
}

func (d *Deployment) open(ctx context.Context) error {
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
	for _, g := range d.cfg.Layout.Gateways {
		address, err := d.resource(g.Name)
		if err == nil && slices.ContainsFunc(p.Actions, func(a engine.Action) bool { return a.Address == address }) {
			err = fmt.Errorf("to open the firewalls Terraform would change %s as well", address)
		}
		if err != nil {
			return errors.Join(err, d.engine.Discard(ctx, p))
		}
	}
	return d.engine.Apply(ctx, p)
}
