package azure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// Kinds of things are the types of Azure Resource Manager.
const (
	group   = "Microsoft.Resources/resourceGroups"
	machine = "Microsoft.Compute/virtualMachines"
	roles   = "Microsoft.Authorization/roleDefinitions"
)

// kind is a type that modules create, by when it can go, and the version of the
// API that deletes it.
type kind struct {
	rank    int
	version string
}

var kinds = map[string]kind{
	group:                                     {0, "2021-04-01"},
	machine:                                   {0, "2024-07-01"},
	"Microsoft.Network/networkInterfaces":     {1, "2024-05-01"},
	"Microsoft.Compute/disks":                 {1, "2024-03-02"},
	"Microsoft.Network/publicIPAddresses":     {2, "2024-05-01"},
	"Microsoft.Network/networkSecurityGroups": {2, "2024-05-01"},
	"Microsoft.ManagedIdentity/userAssignedIdentities": {2, "2023-01-31"},
	"Microsoft.Network/virtualNetworks":                {3, "2024-05-01"},
	roles:                                              {4, "2022-04-01"},
}

// kindOf finds the type as it is written here; Azure writes the same in several
// ways.
func kindOf(kindName string) (string, bool) {
	for name := range kinds {
		if strings.EqualFold(name, kindName) {
			return name, true
		}
	}
	return "", false
}

// item is a resource in a list.
type item struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location"`
	Tags       map[string]string `json:"tags"`
	Properties struct {
		TimeCreated     time.Time `json:"timeCreated"`
		HardwareProfile struct {
			VMSize string `json:"vmSize"`
		} `json:"hardwareProfile"`
		RoleName string `json:"roleName"`
		RoleType string `json:"type"`
	} `json:"properties"`
}

func (i item) resource(of string) account.Resource {
	r := account.Resource{Cloud: region.Azure, Kind: of, ID: i.ID, Name: i.Name, Rank: kinds[of].rank, Run: account.RunOf(i.Name)}
	if i.Location != "" {
		r.Region = region.Region("azure:" + strings.ToLower(strings.ReplaceAll(i.Location, " ", "")))
	}
	r.Tagged(i.Tags)
	return r
}

// ours tells whether tags or name say that a run made it.
func (i item) ours() bool { return i.Tags[account.TagRun] != "" || account.RunOf(i.Name) != "" }

// inventory is what the lists said.
type inventory struct {
	groups    map[string]*account.Resource // by lower-case id
	resources []item
	machines  map[string]item // by lower-case id
	roles     []item
}

// Find returns the groups that runs made, each with the machines in it, and what
// runs made in groups of others.
func (a *Account) Find(ctx context.Context) ([]account.Resource, error) {
	inv := inventory{groups: map[string]*account.Resource{}, machines: map[string]item{}}
	errs := []error{
		a.listInto(ctx, "resource groups", "/resourcegroups", kinds[group].version, "tagName eq '"+account.TagRun+"'", func(i item) {
			r := i.resource(group)
			inv.groups[strings.ToLower(i.ID)] = &r
		}),
		a.listInto(ctx, "resources", "/resources", "2021-04-01", "", func(i item) { inv.resources = append(inv.resources, i) }),
		a.listInto(ctx, "virtual machines", "/providers/"+machine, kinds[machine].version, "", func(i item) { inv.machines[strings.ToLower(i.ID)] = i }),
		a.listInto(ctx, "role definitions", "/providers/"+roles, kinds[roles].version, "atScopeAndBelow()", func(i item) {
			if i.Properties.RoleType == "CustomRole" && account.RunOf(i.Properties.RoleName) != "" {
				inv.roles = append(inv.roles, i)
			}
		}),
	}
	if errs[1] != nil {
		// Nobody knows then what else is in the groups.
		for _, g := range inv.groups {
			g.Foreign = "contents that could not be listed"
		}
	}
	return inv.found(), errors.Join(errs...)
}

func (a *Account) listInto(ctx context.Context, what, at, version, filter string, yield func(item)) error {
	if err := list(ctx, a, a.scope()+at, version, filter, yield); err != nil {
		return fmt.Errorf("azure: list %s: %w", what, err)
	}
	return nil
}

func (inv *inventory) found() []account.Resource {
	var found []account.Resource
	for _, i := range inv.resources {
		of, known := kindOf(i.Type)
		var types []string
		var created time.Time
		if m, ok := inv.machines[strings.ToLower(i.ID)]; ok {
			types, created = []string{m.Properties.HardwareProfile.VMSize}, m.Properties.TimeCreated
		}
		if g := inv.groups[groupOf(i.ID)]; g != nil {
			g.Machines = append(g.Machines, types...)
			if g.Created.IsZero() || !created.IsZero() && created.Before(g.Created) {
				g.Created = created
			}
			if !i.ours() {
				g.Foreign = i.ID
			}
			continue
		}
		if known && i.ours() {
			r := i.resource(of)
			r.Machines, r.Created = types, created
			found = append(found, r)
		}
	}
	for _, g := range inv.groups {
		slices.Sort(g.Machines)
		found = append(found, *g)
	}
	for _, i := range inv.roles {
		i.Name = i.Properties.RoleName
		found = append(found, i.resource(roles))
	}
	return found
}

// groupOf is the id of the group that a resource is in, in lower case.
func groupOf(id string) string {
	id = strings.ToLower(id)
	if i := strings.Index(id, "/providers/"); i >= 0 {
		return id[:i]
	}
	return ""
}
