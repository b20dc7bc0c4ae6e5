package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Kinds of things, by when they can go.
const (
	instance       = "instance"
	disk           = "disk"
	firewall       = "firewall"
	serviceAccount = "service-account"
	subnetwork     = "subnetwork"
	network        = "network"
)

var ranks = map[string]int{instance: 0, disk: 1, firewall: 1, serviceAccount: 1, subnetwork: 2, network: 3}

// named is the filter that all lists of Compute Engine take: the whole name has
// to match.
const named = "name eq " + account.NamePrefix + ".*"

// Find lists each kind by itself: that one may not be listed, or a zone does not
// answer, hides no other.
func (a *Account) Find(ctx context.Context) ([]account.Resource, error) {
	var found []account.Resource
	var errs []error
	for _, list := range []struct {
		what string
		list func(context.Context, func(account.Resource)) error
	}{
		{"instances", a.instances}, {"disks", a.disks}, {"firewalls", a.firewalls},
		{"subnetworks", a.subnetworks}, {"networks", a.networks}, {"service accounts", a.serviceAccounts},
	} {
		err := list.list(ctx, func(r account.Resource) {
			if r.Run == "" {
				r.Run = account.RunOf(r.Name)
			}
			if r.Run != "" {
				r.Cloud, r.Rank = region.GCP, ranks[r.Kind]
				found = append(found, r)
			}
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("gcp: list %s: %w", list.what, brief(err)))
		}
	}
	return found, errors.Join(errs...)
}

// item is a thing in a list of Compute Engine. Each kind has some of it.
type item struct {
	Name    string            `json:"name"`
	Zone    string            `json:"zone"`   // URL
	Region  string            `json:"region"` // URL
	Created string            `json:"creationTimestamp"`
	Labels  map[string]string `json:"labels"`

	Status      string   `json:"status"`
	MachineType string   `json:"machineType"` // URL
	Users       []string `json:"users"`
}

// resource makes one of it whose id is the path below the project.
func (i item) resource(kind, collection string) account.Resource {
	r := account.Resource{Kind: kind, Name: i.Name, Created: when(i.Created)}
	switch {
	case i.Zone != "":
		zone := path.Base(i.Zone)
		r.ID, r.Region = path.Join("zones", zone, collection, i.Name), regionOf(zone)
	case i.Region != "":
		at := path.Base(i.Region)
		r.ID, r.Region = path.Join("regions", at, collection, i.Name), region.Region("gcp:"+at)
	default:
		r.ID = path.Join("global", collection, i.Name)
	}
	r.Tagged(i.Labels)
	return r
}

var filter = url.Values{"filter": {named}}

// instances bill also while they stop, and no more when they have.
func (a *Account) instances(ctx context.Context, yield func(account.Resource)) error {
	return aggregated(ctx, a, "instances", filter, func(i item) {
		r := i.resource(instance, "instances")
		if i.Status != "TERMINATED" {
			r.Machines = []string{path.Base(i.MachineType)}
		}
		yield(r)
	})
}

// disks are those that went with no machine.
func (a *Account) disks(ctx context.Context, yield func(account.Resource)) error {
	return aggregated(ctx, a, "disks", filter, func(i item) {
		if len(i.Users) == 0 {
			yield(i.resource(disk, "disks"))
		}
	})
}

func (a *Account) firewalls(ctx context.Context, yield func(account.Resource)) error {
	return list(ctx, a, compute, "projects/"+a.project+"/global/firewalls", filter, func(i item) { yield(i.resource(firewall, "firewalls")) })
}

func (a *Account) subnetworks(ctx context.Context, yield func(account.Resource)) error {
	return aggregated(ctx, a, "subnetworks", filter, func(i item) { yield(i.resource(subnetwork, "subnetworks")) })
}

func (a *Account) networks(ctx context.Context, yield func(account.Resource)) error {
	return list(ctx, a, compute, "projects/"+a.project+"/global/networks", filter, func(i item) { yield(i.resource(network, "networks")) })
}

// serviceAccounts cannot be filtered, nor do they say when they were made.
func (a *Account) serviceAccounts(ctx context.Context, yield func(account.Resource)) error {
	type robot struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	}
	return list(ctx, a, iam, "projects/"+a.project+"/serviceAccounts", nil, func(r robot) {
		name, _, _ := strings.Cut(r.Email, "@")
		yield(account.Resource{Kind: serviceAccount, ID: r.Name, Name: name})
	})
}

func unreachable(scopes []string) error {
	if len(scopes) == 0 {
		return nil
	}
	return fmt.Errorf("no answer from %s", strings.Join(scopes, ", "))
}

// regionOf is the region of a zone: "us-central1-a".
func regionOf(zone string) region.Region {
	if i := strings.LastIndexByte(zone, '-'); i >= 0 {
		zone = zone[:i]
	}
	return region.Region("gcp:" + zone)
}

// when reads a moment; zero if it is none.
func when(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
