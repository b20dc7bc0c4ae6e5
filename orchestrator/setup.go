package orchestrator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/binary"
)

// Setup is what this workstation has of what runs need.
type Setup struct {
	ConfigFile   string // empty: there is none
	Terraform    binary.Binary
	TerraformErr error
	Clouds       []CloudSetup // of which the configuration names an account, in their order
}

// CloudSetup is what the credentials for a cloud are and may do there.
type CloudSetup struct {
	Cloud    region.Cloud
	Named    string // the account that the configuration names
	Identity account.Identity
	account.Permissions
	Policy account.Policy
	Err    error // nothing is known of the credentials beyond it
}

// checkWithin bounds the dry runs of one cloud.
const checkWithin = time.Minute

// Setup looks for Terraform, and asks every cloud of which an account is named
// what the credentials may do. It changes nothing; where there is no Terraform
// it installs the pin.
func (o *Orchestrator) Setup(ctx context.Context) Setup {
	s := Setup{ConfigFile: o.Config.File}
	named := open.Named(o.Config.Clouds)
	s.Clouds = make([]CloudSetup, len(named))
	var checking sync.WaitGroup
	for i, cloud := range named {
		checking.Go(func() { s.Clouds[i] = o.checkCloud(ctx, cloud) })
	}
	s.Terraform, s.TerraformErr = binary.Find(ctx, binary.Options{Path: o.Config.Terraform.Path, CacheDir: o.terraformCache()})
	checking.Wait()
	return s
}

func (o *Orchestrator) checkCloud(ctx context.Context, cloud region.Cloud) CloudSetup {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	c := CloudSetup{Cloud: cloud, Named: open.ID(o.Config.Clouds, cloud)}
	if c.Policy, c.Err = open.Policy(o.Config.Clouds, cloud); c.Err != nil {
		return c
	}
	a, err := o.account(ctx, o.Config.Clouds, cloud)
	if err != nil {
		c.Err = err
		return c
	}
	if c.Identity, c.Err = a.Identify(ctx); c.Err != nil {
		return c
	}
	c.Permissions, c.Err = a.Check(ctx)
	return c
}

// Policy is for an administrator of one cloud: the one that is named, else that
// of which the configuration names an account. It asks nobody, so who may
// nothing yet can have it.
func (o *Orchestrator) Policy(cloud region.Cloud) (account.Policy, error) {
	named := open.Named(o.Config.Clouds)
	if cloud != "" {
		named = slices.DeleteFunc(named, func(c region.Cloud) bool { return c != cloud })
	}
	switch len(named) {
	case 0:
		return account.Policy{}, &UsageError{Err: errors.New("the configuration names no account for which there could be a policy")}
	case 1:
		return open.Policy(o.Config.Clouds, named[0])
	}
	return account.Policy{}, &UsageError{Err: errors.New("the configuration names several clouds, and each has a policy of its own: choose with --cloud")}
}

// WriteConfig writes a configuration to start from, in the working directory,
// and says where. Where this command uses one already that is an error.
func (o *Orchestrator) WriteConfig() (string, error) {
	if o.Config.File != "" {
		return "", &PreconditionError{Err: errors.New("there is a configuration: " + o.Config.File), Hint: "edit that one"}
	}
	if err := config.WriteStart(config.FileName); err != nil {
		return "", &PreconditionError{Err: err}
	}
	return config.FileName, nil
}
