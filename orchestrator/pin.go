package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Another account than the plan's is refused before anything is read from it:
// there nothing of the run is found, and Terraform would forget live machines.
// The rendered root pins the accounts for who uses Terraform without skyctl.

// pin compares the accounts that the configuration names with those that the
// credentials reach, of each cloud that a layout has gateways in, and returns
// them for the plan.
func (o *Orchestrator) pin(ctx context.Context, l *layout.Layout) (map[region.Cloud]string, error) {
	pinned := o.accounts(l)
	return pinned, o.identify(ctx, o.Config.Clouds, pinned)
}

// accounts are those that the configuration names for a layout.
func (o *Orchestrator) accounts(l *layout.Layout) map[region.Cloud]string {
	pinned := map[region.Cloud]string{}
	for _, g := range l.Gateways {
		if cloud := g.Region.Cloud(); slices.Contains(open.Rentable, cloud) {
			pinned[cloud] = open.ID(o.Config.Clouds, cloud)
		}
	}
	return pinned
}

// identify asks each cloud whether the credentials are of the account that
// clouds name.
func (o *Orchestrator) identify(ctx context.Context, clouds config.Clouds, pinned map[region.Cloud]string) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	for _, cloud := range slices.Sorted(maps.Keys(pinned)) {
		a, err := o.account(ctx, clouds, cloud)
		if err == nil {
			_, err = a.Identify(ctx)
		}
		if err != nil {
			return &PreconditionError{Err: err, Hint: "skyctl init shows what the credentials are and may do"}
		}
	}
	return nil
}

// pinned refuses to carry a plan out in other accounts than it was made for.
func (a *attempt) pinned(ctx context.Context) error {
	for _, cloud := range slices.Sorted(maps.Keys(a.saved.Accounts)) {
		if id := open.ID(a.o.Config.Clouds, cloud); id != a.saved.Accounts[cloud] {
			return &StaleError{Run: a.run.ID, Reason: fmt.Sprintf("it is for account %s of %s, and the configuration names %s", a.saved.Accounts[cloud], cloud, orNone(id))}
		}
	}
	return a.o.identify(ctx, a.o.Config.Clouds, a.saved.Accounts)
}

// mismatched refuses to destroy with credentials of another account than the
// run's, whatever the configuration names by now. A cloud that cannot say whose
// they are is no reason: it must not keep the others' machines, and Terraform
// asks it again.
func (a *attempt) mismatched(ctx context.Context) error {
	clouds := a.o.Config.Clouds
	if id := a.saved.Accounts[region.AWS]; id != "" {
		clouds.AWS.AccountID = id
	}
	if id := a.saved.Accounts[region.GCP]; id != "" {
		clouds.GCP.Project = id
	}
	if id := a.saved.Accounts[region.Azure]; id != "" {
		clouds.Azure.SubscriptionID = id
	}
	for cloud, id := range a.saved.Accounts {
		err := a.o.identify(ctx, clouds, map[region.Cloud]string{cloud: id})
		if wrong, ok := errors.AsType[*account.MismatchError](err); ok {
			return wrong
		}
	}
	return nil
}

func orNone(id string) string {
	if id == "" {
		return "none"
	}
	return id
}
