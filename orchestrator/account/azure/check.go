package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/orchestrator/account"
)

// needed are the actions of the module azure-gateway and of gc.
var needed = []string{
	"Microsoft.Authorization/permissions/read",
	"Microsoft.Authorization/roleAssignments/delete", "Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleAssignments/write",
	"Microsoft.Authorization/roleDefinitions/delete", "Microsoft.Authorization/roleDefinitions/read", "Microsoft.Authorization/roleDefinitions/write",
	"Microsoft.Compute/disks/delete", "Microsoft.Compute/disks/read", "Microsoft.Compute/disks/write",
	"Microsoft.Compute/locations/diskOperations/read", "Microsoft.Compute/locations/operations/read",
	"Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
	"Microsoft.Compute/locations/usages/read", "Microsoft.Compute/register/action", "Microsoft.Compute/skus/read",
	"Microsoft.Compute/virtualMachines/delete", "Microsoft.Compute/virtualMachines/powerOff/action", "Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines/write",
	"Microsoft.ManagedIdentity/register/action",
	"Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", "Microsoft.ManagedIdentity/userAssignedIdentities/delete",
	"Microsoft.ManagedIdentity/userAssignedIdentities/read", "Microsoft.ManagedIdentity/userAssignedIdentities/write",
	"Microsoft.Network/locations/operationResults/read", "Microsoft.Network/locations/operations/read", "Microsoft.Network/locations/usages/read",
	"Microsoft.Network/networkInterfaces/delete", "Microsoft.Network/networkInterfaces/join/action", "Microsoft.Network/networkInterfaces/read",
	"Microsoft.Network/networkInterfaces/write",
	"Microsoft.Network/networkSecurityGroups/delete", "Microsoft.Network/networkSecurityGroups/join/action",
	"Microsoft.Network/networkSecurityGroups/read", "Microsoft.Network/networkSecurityGroups/write",
	"Microsoft.Network/networkSecurityGroups/securityRules/delete", "Microsoft.Network/networkSecurityGroups/securityRules/read",
	"Microsoft.Network/networkSecurityGroups/securityRules/write",
	"Microsoft.Network/publicIPAddresses/delete", "Microsoft.Network/publicIPAddresses/join/action", "Microsoft.Network/publicIPAddresses/read",
	"Microsoft.Network/publicIPAddresses/write", "Microsoft.Network/register/action",
	"Microsoft.Network/virtualNetworks/delete", "Microsoft.Network/virtualNetworks/read", "Microsoft.Network/virtualNetworks/subnets/delete",
	"Microsoft.Network/virtualNetworks/subnets/join/action", "Microsoft.Network/virtualNetworks/subnets/read",
	"Microsoft.Network/virtualNetworks/subnets/write", "Microsoft.Network/virtualNetworks/write",
	"Microsoft.Resources/subscriptions/operationresults/read", "Microsoft.Resources/subscriptions/providers/read",
	"Microsoft.Resources/subscriptions/read", "Microsoft.Resources/subscriptions/resourceGroups/delete",
	"Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
	"Microsoft.Resources/subscriptions/resourceGroups/write", "Microsoft.Resources/subscriptions/resources/read",
}

const how = "make a role of it and assign that to whom skyctl works for: az role definition create --role-definition FILE"

// permission is one set of actions that a role grants. What it does not grant
// may be granted by another.
type permission struct {
	Actions    []string `json:"actions"`
	NotActions []string `json:"notActions"`
}

// role is a custom role as the Azure CLI reads it.
type role struct {
	Name             string
	Description      string
	Actions          []string
	AssignableScopes []string
}

// Policy is a role with all that is needed in a subscription.
func Policy(subscription string) (account.Policy, error) {
	content, err := json.MarshalIndent(role{Name: "skyctl", Description: "Gateways of skyctl's transfers", Actions: needed, AssignableScopes: []string{scope(subscription)}}, "", "  ")
	return account.Policy{Document: content, How: how}, err
}

// Check reads what the credentials' roles on the subscription allow.
func (a *Account) Check(ctx context.Context) (p account.Permissions, err error) {
	var granted []permission
	err = list(ctx, a, a.scope()+"/providers/Microsoft.Authorization/permissions", "2022-04-01", "", func(g permission) { granted = append(granted, g) })
	if err != nil {
		return p, fmt.Errorf("Azure: permissions on %s: %w", a.cfg.SubscriptionID, err)
	}
	for _, action := range needed {
		if slices.ContainsFunc(granted, func(g permission) bool { return matches(g.Actions, action) && !matches(g.NotActions, action) }) {
			p.Granted = append(p.Granted, action)
		} else {
			p.Missing = append(p.Missing, action)
		}
	}
	return p, nil
}

// matches tells whether one of the patterns, in which * is anything, is the
// action. Case means nothing.
func matches(patterns []string, action string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		expression := strings.ReplaceAll(regexp.QuoteMeta(strings.ToLower(pattern)), `\*`, ".*")
		ok, err := regexp.MatchString("^"+expression+"$", strings.ToLower(action))
		return err == nil && ok
	})
}
