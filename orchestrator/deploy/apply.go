package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/engine"
	"github.com/skyctl/skyctl/terraform/render"
)

// How long a gateway that Terraform says is up may take to be enrolled. One on
// this machine listens already, so if it does not answer it has died since.
const (
	enrollTimeout      = 2 * time.Minute
	enrollTimeoutLocal = 10 * time.Second
	// A rented machine is up before it has booted and fetched its agent.
	enrollTimeoutCloud = 15 * time.Minute
)

// ErrChanged says that Terraform would now do something else than the plan
// that was shown.
var ErrChanged = errors.New("Terraform's plan is no longer the one that was shown")

// Preview renders the root module and asks Terraform what it would do. It
// creates nothing but the run's Terraform directory.
func (d *Deployment) Preview(ctx context.Context) (*engine.Plan, error) {
	described, err := preview(d.cfg)
	if err != nil {
		return nil, err
	}
	if described.ControlCIDRs, err = controlCIDRs(ctx, d.cfg); err != nil {
		return nil, err
	}
	files, err := render.Render(described)
	if err != nil {
		return nil, fmt.Errorf("render the root module: %w", err)
	}
	if err := render.Write(d.cfg.Run.Terraform(), files); err != nil {
		return nil, err
	}
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	p, err := d.engine.Plan(ctx, engine.PlanOptions{})
	if err != nil {
		return nil, err
	}
	return p, d.engine.Discard(ctx, p)
}

// Apply creates the gateways and enrolls them. shown is the preview that the
// user agreed to; nil asks for no comparison. Whatever Apply returns, what it
// created is in Terraform's state, and Destroy takes it down.
func (d *Deployment) Apply(ctx context.Context, shown *engine.Plan) error {
	if err := d.decide(ctx); err != nil {
		return err
	}
	tokens := map[route.Gateway]enroll.Token{}
	for _, g := range d.cfg.Layout.Gateways {
		tokens[g.Name] = d.authority.NewToken()
	}
	if err := d.write(tokens); err != nil {
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	p, err := d.engine.Plan(ctx, engine.PlanOptions{})
	if err != nil {
		return err
	}
	if shown != nil && !engine.Equivalent(shown, p) {
		return errors.Join(ErrChanged, d.engine.Discard(ctx, p))
	}
	if err := d.create(ctx, p, tokens); err != nil {
		return err
	}
	err = d.connect(ctx, tokens)
	if errors.Is(err, enroll.ErrUnreachable) && ctx.Err() == nil {
		return d.replaceDead(ctx) // once
	}
	return err
}

// create carries out a plan. Gateways for which their zones have no room are
// tried in the next ones, one apply after the other; what came up stays. The
// error is a *RefusedError if a cloud has no room in any.
func (d *Deployment) create(ctx context.Context, p *engine.Plan, tokens map[route.Gateway]enroll.Token) error {
	for {
		err := d.engine.Apply(ctx, p)
		if err == nil || ctx.Err() != nil {
			return err
		}
		refused := refusals(err, d.cfg.Layout)
		if len(refused) == 0 {
			return err
		}
		moved, failed := d.elsewhere(refused)
		if failed != nil {
			return errors.Join(err, failed)
		}
		if !moved {
			return &RefusedError{Refusals: refused, Err: err}
		}
		if err := d.write(tokens); err != nil {
			return err
		}
		if p, err = d.engine.Plan(ctx, engine.PlanOptions{}); err != nil {
			return err
		}
	}
}

// connect reads Terraform's outputs, enrolls the gateways that have tokens,
// and makes a client for each that is new. The others' clients are in use. One
// that cannot be enrolled keeps no other from it.
func (d *Deployment) connect(ctx context.Context, tokens map[route.Gateway]enroll.Token) error {
	outputs, err := d.engine.Outputs(ctx)
	if err != nil {
		return err
	}
	for _, x := range d.cfg.Layout.Gateways {
		if _, ok := outputs[string(x.Name)]; !ok {
			return fmt.Errorf("Terraform's outputs lack gateway %s", x.Name)
		}
	}
	var enrolling sync.WaitGroup
	errs := make([]error, len(d.cfg.Layout.Gateways))
	for i, x := range d.cfg.Layout.Gateways {
		out := outputs[string(x.Name)]
		token, fresh := tokens[x.Name]
		enrolling.Go(func() {
			if fresh {
				errs[i] = d.enroll(ctx, x, out.Address, token)
			}
			if errs[i] == nil && (fresh || d.Addresses()[x.Name] != out.Address) {
				errs[i] = d.add(x.Name, out.Address)
			}
		})
	}
	enrolling.Wait()
	return errors.Join(errs...)
}

func (d *Deployment) enroll(ctx context.Context, g layout.Gateway, address string, token enroll.Token) error {
	timeout := enrollTimeout
	switch {
	case g.Region.Cloud() == region.Local:
		timeout = enrollTimeoutLocal
	case !g.Region.Cloud().Owned():
		timeout = enrollTimeoutCloud
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return enroll.Enroll(ctx, address, g.Name, token, d.authority)
}

func (d *Deployment) add(name route.Gateway, address string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	client, err := control.NewClient(control.ClientConfig{Address: address, TLS: d.authority.ClientConfig(name)})
	if err != nil {
		return err
	}
	var stale error
	if old := d.gateways[name]; old != nil {
		stale = old.client.Close()
	}
	d.gateways[name] = &gateway{address: address, client: client}
	return stale
}

// A deployment that ends sooner than this is not worth going on with.
const minRemaining = 15 * time.Minute

// Ensure brings the gateways up from whatever an earlier process left: those
// that answer are kept, the others replaced, and where nothing of use is left
// it applies anew.
func (d *Deployment) Ensure(ctx context.Context) error {
	switch err := d.load(); {
	case errors.Is(err, fs.ErrNotExist):
		return d.Apply(ctx, nil)
	case err != nil:
		return err
	}
	if err := d.prepare(ctx); err != nil {
		return err
	}
	outputs, err := d.engine.Outputs(ctx)
	if err != nil {
		return err
	}
	complete := true
	for _, g := range d.cfg.Layout.Gateways {
		_, ok := outputs[string(g.Name)]
		complete = complete && ok
	}
	if complete && time.Until(d.NotAfter()) >= minRemaining {
		elsewhere, err := d.relocated(ctx)
		if err != nil {
			return err
		}
		// Gateways that had not joined when that process ended are nobody's, and
		// firewalls are to let this workstation in from where it is now.
		if elsewhere || d.cfg.Grows {
			err = d.conform(ctx)
		}
		if err != nil && !errors.Is(err, errTouches) {
			return err
		}
		complete = err == nil
	}
	if !complete || time.Until(d.NotAfter()) < minRemaining {
		if err := d.engine.Destroy(ctx); err != nil {
			return err
		}
		return d.Apply(ctx, nil)
	}
	if err := d.connect(ctx, nil); err != nil {
		return err
	}
	return d.replaceDead(ctx)
}
