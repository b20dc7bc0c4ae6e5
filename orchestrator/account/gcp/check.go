package gcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/skyctl/skyctl/orchestrator/account"
)

// needed are the permissions of the module gcp-gateway and of gc.
var needed = []string{
	"compute.disks.create", "compute.disks.delete", "compute.disks.get", "compute.disks.list", "compute.disks.setLabels",
	"compute.firewalls.create", "compute.firewalls.delete", "compute.firewalls.get", "compute.firewalls.list", "compute.firewalls.update",
	"compute.globalOperations.get",
	"compute.instances.create", "compute.instances.delete", "compute.instances.get", "compute.instances.list",
	"compute.instances.setLabels", "compute.instances.setMetadata", "compute.instances.setTags", "compute.machineTypes.list",
	"compute.networks.create", "compute.networks.delete", "compute.networks.get", "compute.networks.list", "compute.networks.updatePolicy",
	"compute.projects.get", "compute.regionOperations.get", "compute.regions.get", "compute.subnetworks.create", "compute.subnetworks.delete", "compute.subnetworks.get",
	"compute.subnetworks.list", "compute.subnetworks.use", "compute.subnetworks.useExternalIp",
	"compute.zoneOperations.get", "compute.zones.list", "iam.serviceAccounts.delete", "iam.serviceAccounts.list", "resourcemanager.projects.get",
}

const how = "make a role of it and bind that to whom skyctl works for: gcloud iam roles create skyctl --project PROJECT --file FILE"

// role is a custom role as gcloud reads it; JSON is YAML.
type role struct {
	Title               string   `json:"title"`
	Description         string   `json:"description"`
	Stage               string   `json:"stage"`
	IncludedPermissions []string `json:"includedPermissions"`
}

// Policy is a role with all that is needed.
func Policy() (account.Policy, error) {
	content, err := json.MarshalIndent(role{Title: "skyctl", Description: "Gateways of skyctl's transfers", Stage: "GA", IncludedPermissions: needed}, "", "  ")
	return account.Policy{Document: content, How: how}, err
}

// Check asks which of the permissions the credentials have on the project.
func (a *Account) Check(ctx context.Context) (p account.Permissions, err error) {
	type permissions struct {
		Permissions []string `json:"permissions"`
	}
	var out permissions
	err = a.call(ctx, http.MethodPost, manager, "projects/"+a.project+":testIamPermissions", nil, permissions{needed}, &out)
	if err != nil {
		return p, fmt.Errorf("Google Cloud: permissions on %s: %w", a.project, brief(err))
	}
	for _, permission := range needed {
		if slices.Contains(out.Permissions, permission) {
			p.Granted = append(p.Granted, permission)
		} else {
			p.Missing = append(p.Missing, permission)
		}
	}
	return p, nil
}
