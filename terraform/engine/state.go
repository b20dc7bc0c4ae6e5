package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"
)

// Gateway is what the root's output `gateways` says of one gateway.
type Gateway struct {
	Address        string `json:"address"`         // host:port, UDP and TCP
	PrivateAddress string `json:"private_address"` // the same within the region
	ID             string `json:"id"`              // the cloud's id of the machine
	Zone           string `json:"zone"`
	Region         string `json:"region"` // "local:east"
}

// Outputs returns the gateways of the last apply by name: none before the
// first and after destroy.
func (e *Engine) Outputs(ctx context.Context) (map[string]Gateway, error) {
	gateways := map[string]Gateway{}
	err := e.run(ctx, "output", quiet, func(tf *tfexec.Terraform) error {
		outputs, err := tf.Output(ctx)
		if err != nil {
			return err
		}
		output, ok := outputs["gateways"]
		if !ok {
			return nil
		}
		if err := json.Unmarshal(output.Value, &gateways); err != nil {
			return fmt.Errorf("gateways: %w", err)
		}
		return nil
	})
	return gateways, err
}

// State returns the whole state as Terraform's JSON has it. It holds secrets.
func (e *Engine) State(ctx context.Context) (*tfjson.State, error) {
	var state *tfjson.State
	err := e.run(ctx, "show", quiet, func(tf *tfexec.Terraform) (err error) {
		state, err = tf.Show(ctx)
		return err
	})
	return state, err
}

// StateList returns the addresses of the resources in the state, sorted.
func (e *Engine) StateList(ctx context.Context) ([]string, error) {
	resources, err := e.resources(ctx)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, r := range resources {
		addresses = append(addresses, r.address)
	}
	return addresses, nil
}

// resource is one in the state, and the module call of the root it belongs to.
type resource struct {
	address string
	module  string // "module.local_east", empty in the root
}

// resources returns what the state manages, sorted by address.
func (e *Engine) resources(ctx context.Context) ([]resource, error) {
	state, err := e.State(ctx)
	if err != nil || state.Values == nil || state.Values.RootModule == nil {
		return nil, err
	}
	found := managed(state.Values.RootModule, "")
	for _, child := range state.Values.RootModule.ChildModules {
		found = append(found, deep(child, child.Address)...)
	}
	slices.SortFunc(found, func(a, b resource) int { return strings.Compare(a.address, b.address) })
	return found, nil
}

// managed returns the resources of one module, without its children.
func managed(m *tfjson.StateModule, call string) []resource {
	var found []resource
	for _, r := range m.Resources {
		if r.Mode == tfjson.ManagedResourceMode {
			found = append(found, resource{r.Address, call})
		}
	}
	return found
}

// deep returns the resources of a module and of the modules it calls.
func deep(m *tfjson.StateModule, call string) []resource {
	found := managed(m, call)
	for _, child := range m.ChildModules {
		found = append(found, deep(child, call)...)
	}
	return found
}
