package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"
)

// isolate makes modules strangers to each other in the state. Regions refer to
// each other: a firewall in one names the machines of another. Terraform
// destroys what refers to a machine before the machine, so one cloud's outage
// would keep the machines of every cloud that it has a rule for. What destroy
// goes by is the state's list of dependencies; within a module it stays.
func (e *Engine) isolate(ctx context.Context) error {
	return e.run(ctx, "state push", quiet, func(tf *tfexec.Terraform) (err error) {
		before, err := tf.StatePull(ctx)
		if err != nil {
			return err
		}
		after, changed, err := cutModules([]byte(before))
		if err != nil || !changed {
			return err
		}
		// The state has the agents' tokens, so nobody else may read the file.
		f, err := os.CreateTemp(e.cfg.Dir, ".skyctl-state-*")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
		_, err = f.Write(after)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		return e.locked(ctx, tf, func(wait *tfexec.LockTimeoutOption) error { return tf.StatePush(ctx, f.Name(), wait) })
	})
}

// cutModules removes from a state the dependencies of one of the root's modules
// on another, and makes it the state's next version.
func cutModules(state []byte) (cut []byte, changed bool, err error) {
	var s map[string]any
	decoder := json.NewDecoder(bytes.NewReader(state))
	decoder.UseNumber() // what is large stays exact
	if err := decoder.Decode(&s); err != nil {
		return nil, false, fmt.Errorf("state: %w", err)
	}
	resources, _ := s["resources"].([]any)
	for _, r := range resources {
		resource, _ := r.(map[string]any)
		module, _ := resource["module"].(string)
		instances, _ := resource["instances"].([]any)
		for _, i := range instances {
			instance, _ := i.(map[string]any)
			dependencies, _ := instance["dependencies"].([]any)
			var own []any
			for _, d := range dependencies {
				if address, _ := d.(string); moduleOf(address) == moduleOf(module+".") || moduleOf(address) == "" {
					own = append(own, d)
				}
			}
			if len(own) != len(dependencies) {
				instance["dependencies"] = own
				changed = true
			}
		}
	}
	serial, _ := s["serial"].(json.Number)
	n, err := serial.Int64()
	if err != nil {
		return nil, false, fmt.Errorf("state without a serial: %w", err)
	}
	s["serial"] = n + 1
	cut, err = json.Marshal(s)
	return cut, changed, err
}

// moduleOf is the root's module call that an address is in, empty for the root
// itself.
func moduleOf(address string) string {
	rest, ok := strings.CutPrefix(address, "module.")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, ".")
	name, _, _ = strings.Cut(name, "[")
	return name
}
