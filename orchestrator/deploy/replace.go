package deploy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/terraform/engine"
	"github.com/skyctl/skyctl/terraform/render"
)

// answerWithin is how long a gateway of an earlier process has to answer.
const answerWithin = 5 * time.Second

// replaceDead replaces the gateways that do not answer, all in one apply.
func (d *Deployment) replaceDead(ctx context.Context) error {
	var mu sync.Mutex
	var dead []route.Gateway
	var wg sync.WaitGroup
	for _, g := range d.cfg.Layout.Gateways {
		wg.Go(func() {
			asking, cancel := context.WithTimeout(ctx, answerWithin)
			defer cancel()
			if _, err := d.API(g.Name).Info(asking); err != nil {
				mu.Lock()
				defer mu.Unlock()
				dead = append(dead, g.Name)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil || len(dead) == 0 {
		return err
	}
	return d.replace(ctx, dead)
}

// Replace puts a new gateway in the place of a lost one, under the same name.
// Terraform destroys the old one first.
func (d *Deployment) Replace(ctx context.Context, name route.Gateway) error {
	return d.replace(ctx, []route.Gateway{name})
}

func (d *Deployment) replace(ctx context.Context, names []route.Gateway) error {
	d.replacing.Lock()
	defer d.replacing.Unlock()
	tokens := map[route.Gateway]enroll.Token{}
	var addresses []string
	for _, name := range names {
		tokens[name] = d.authority.NewToken()
		address, err := d.resource(name)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	if _, err := d.relocated(ctx); err != nil {
		return err
	}
	if err := d.write(tokens); err != nil {
		return err
	}
	p, err := d.engine.Plan(ctx, engine.PlanOptions{Replace: addresses})
	if err != nil {
		return err
	}
	if err := d.create(ctx, p, tokens); err != nil {
		return err
	}
	return d.connect(ctx, tokens)
}

// resource is the address of a gateway in Terraform's state.
func (d *Deployment) resource(name route.Gateway) (string, error) {
	for _, g := range d.cfg.Layout.Gateways {
		if g.Name == name {
			return render.GatewayAddress(render.Region{Name: string(g.Region), Slug: g.Region.Slug()}, string(name)), nil
		}
	}
	return "", fmt.Errorf("there is no gateway %s in this run", name)
}

// Destroy takes down everything that Terraform's state holds. It is the last
// thing done with a deployment, and does not look at what else went wrong. An
// error says that something may be left; what else it could not do Close tells.
func (d *Deployment) Destroy(ctx context.Context) error {
	d.untidy = errors.Join(d.keepLogs(), d.disconnect())
	var unprepared error
	if !d.prepared {
		unprepared = d.prepare(ctx)
	}
	if err := d.engine.Destroy(ctx); err != nil {
		return errors.Join(err, unprepared)
	}
	return d.endStrays(ctx)
}
