package setup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/binary"
)

// Setup is what this workstation has of what runs need.
type Setup struct {
	ConfigFile   string // empty: there is none
	Terraform    binary.Binary
	TerraformErr error
	Clouds       []Cloud // of which the configuration names an account, in their order
}

// Cloud is what the credentials for a cloud are and may do there.
type Cloud struct {
	Cloud    region.Cloud
	Named    string // the account that the configuration names
	Identity account.Identity
	account.Permissions
	Policy account.Policy
	Err    error // nothing is known of the credentials beyond it
}

// checkWithin bounds the dry runs of one cloud.
const checkWithin = time.Minute

// Look looks for Terraform, and asks every cloud of which an account is named
// what the credentials may do. It changes nothing; where there is no Terraform
// it installs the pin in a directory.
func Look(ctx context.Context, c *config.Config, terraform string, opener account.Opener) Setup {
	s := Setup{ConfigFile: c.File}
	named := open.Named(c.Clouds)
	s.Clouds = make([]Cloud, len(named))
	var checking sync.WaitGroup
	for i, cloud := range named {
		checking.Go(func() { s.Clouds[i] = check(ctx, c, cloud, opener) })
	}
	s.Terraform, s.TerraformErr = binary.Find(ctx, binary.Options{Path: c.Terraform.Path, CacheDir: terraform})
	checking.Wait()
	return s
}

func check(ctx context.Context, settings *config.Config, cloud region.Cloud, opener account.Opener) Cloud {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	c := Cloud{Cloud: cloud, Named: open.ID(settings.Clouds, cloud)}
	if c.Policy, c.Err = open.Policy(settings.Clouds, cloud); c.Err != nil {
		return c
	}
	a, err := opener(ctx, cloud)
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
func Policy(c *config.Config, cloud region.Cloud) (account.Policy, error) {
	named := open.Named(c.Clouds)
	if cloud != "" {
		named = slices.DeleteFunc(named, func(other region.Cloud) bool { return other != cloud })
	}
	switch len(named) {
	case 0:
		return account.Policy{}, &failure.UsageError{Err: errors.New("the configuration names no account for which there could be a policy")}
	case 1:
		return open.Policy(c.Clouds, named[0])
	}
	return account.Policy{}, &failure.UsageError{Err: errors.New("the configuration names several clouds, and each has a policy of its own: choose with --cloud")}
}

// WriteConfig writes a configuration to start from, in the working directory,
// and says where. Where this command uses one already that is an error.
func WriteConfig(c *config.Config) (string, error) {
	if c.File != "" {
		return "", &failure.PreconditionError{Err: errors.New("there is a configuration: " + c.File), Hint: "edit that one"}
	}
	if err := config.WriteStart(config.FileName); err != nil {
		return "", &failure.PreconditionError{Err: err}
	}
	return config.FileName, nil
}
