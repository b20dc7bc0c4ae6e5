package deploy

import (
	"context"
	"errors"
	"slices"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
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
	err := d.conform(ctx)
	if err != nil {
		d.cfg.Layout = was
		err = errors.Join(err, d.write(map[route.Gateway]enroll.Token{}))
	}
	return err
}
