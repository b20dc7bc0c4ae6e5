// Package open makes the accounts that a configuration names. It is the only
// importer of the clouds' packages, so whatever does not speak to a cloud does
// not link one.
package open

import (
	"context"
	"fmt"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/account/aws"
	"github.com/skyctl/skyctl/orchestrator/account/azure"
	"github.com/skyctl/skyctl/orchestrator/account/gcp"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Rentable are the clouds that have accounts.
var Rentable = []region.Cloud{region.AWS, region.GCP, region.Azure}

// ID is the account, project or subscription that the configuration names;
// empty if it names none.
func ID(c config.Clouds, cloud region.Cloud) string {
	switch cloud {
	case region.AWS:
		return c.AWS.AccountID
	case region.GCP:
		return c.GCP.Project
	case region.Azure:
		return c.Azure.SubscriptionID
	}
	return ""
}

// Named lists the clouds of which the configuration names an account.
func Named(c config.Clouds) []region.Cloud {
	return slices.DeleteFunc(slices.Clone(Rentable), func(cloud region.Cloud) bool { return ID(c, cloud) == "" })
}

// Account opens the account of a rentable cloud. It contacts nothing.
func Account(ctx context.Context, c config.Clouds, cloud region.Cloud) (account.Account, error) {
	switch cloud {
	case region.AWS:
		return orNil(aws.Open(ctx, aws.Config{AccountID: c.AWS.AccountID, Profile: c.AWS.Profile, AssumeRole: c.AWS.AssumeRole}))
	case region.GCP:
		return orNil(gcp.Open(gcp.Config{Project: c.GCP.Project, ImpersonateServiceAccount: c.GCP.ImpersonateServiceAccount}))
	case region.Azure:
		return orNil(azure.Open(azure.Config{SubscriptionID: c.Azure.SubscriptionID, TenantID: c.Azure.TenantID}))
	}
	return nil, fmt.Errorf("cloud %s has no accounts", cloud)
}

// Policy is what an administrator of the account that the configuration names
// needs. It contacts nothing.
func Policy(c config.Clouds, cloud region.Cloud) (account.Policy, error) {
	switch cloud {
	case region.AWS:
		return aws.Policy()
	case region.GCP:
		return gcp.Policy()
	case region.Azure:
		return azure.Policy(c.Azure.SubscriptionID)
	}
	return account.Policy{}, fmt.Errorf("cloud %s has no accounts", cloud)
}

// orNil keeps a nil pointer from becoming an account.
func orNil[A account.Account](a A, err error) (account.Account, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}
