package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"
)

// PlanOptions say what to plan beside bringing the infrastructure in line with
// the configuration.
type PlanOptions struct {
	Replace []string // addresses of resources to destroy and create again
}

// Plan is a saved plan. It is applied or discarded: its file holds secrets. An
// engine has one saved plan at a time; the next replaces it.
type Plan struct {
	Changes Changes
	Actions []Action // what changes, sorted by address; nothing else is listed
	Checks  []Check
}

// Changes are the counts that Terraform prints: a replaced resource counts as
// one to add and one to destroy.
type Changes struct {
	Add     int `json:"add"`
	Change  int `json:"change"`
	Destroy int `json:"destroy"`
}

// Action is what is to happen to one resource.
type Action struct {
	Address string // "module.local_east.terraform_data.gateway[\"local-east-0\"]"
	Verb    string // "create", "update", "delete", "delete+create", "create+delete", "forget"
}

// Status is what became of a check.
type Status string

const (
	StatusPass    Status = "pass"
	StatusFail    Status = "fail"
	StatusError   Status = "error"   // it could not be evaluated
	StatusUnknown Status = "unknown" // it depends on what is still to be created
)

// Check is a check block.
type Check struct {
	Address  string // "module.local_east.check.agents"
	Module   string // "module.local_east", empty in the root
	Name     string // "agents"
	Status   Status
	Problems []string // messages of the assertions that failed
}

// Plan compares the configuration with the state and with what exists, and
// saves what is to be done.
func (e *Engine) Plan(ctx context.Context, opts PlanOptions) (*Plan, error) {
	var plan *Plan
	err := e.run(ctx, "plan", loud, func(tf *tfexec.Terraform) error {
		if err := e.pushErrored(ctx, tf); err != nil {
			return err
		}
		if err := e.reserve(); err != nil {
			return err
		}
		options := []tfexec.PlanOption{tfexec.Out(e.planPath()), tfexec.LockTimeout(lockTimeout)}
		for _, address := range opts.Replace {
			options = append(options, tfexec.Replace(address))
		}
		_, err := tf.Plan(ctx, options...)
		if err != nil {
			return errors.Join(err, e.discard())
		}
		tf.SetStdout(io.Discard) // the plan in JSON has the secrets
		shown, err := tf.ShowPlanFile(ctx, e.planPath())
		if err != nil {
			return errors.Join(err, e.discard())
		}
		plan = planOf(shown)
		e.saved = plan
		return nil
	})
	return plan, err
}

// reserve creates the plan's file before Terraform does, for nobody else to
// read: Terraform keeps the mode of a file that exists.
func (e *Engine) reserve() error {
	if err := e.discard(); err != nil {
		return err
	}
	f, err := os.OpenFile(e.planPath(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// errNotSaved is the answer to a plan whose file is gone.
var errNotSaved = errors.New("the plan was applied, discarded or replaced by another; plan again")

// Discard removes a plan that is not going to be applied.
func (e *Engine) Discard(ctx context.Context, plan *Plan) error {
	return e.run(ctx, "plan", quiet, func(*tfexec.Terraform) error {
		if plan == nil || plan != e.saved {
			return errNotSaved
		}
		return e.discard()
	})
}

// Apply carries out the plan and removes its file, whatever comes of it. When
// ctx ends Terraform finishes what it is doing, writes its state, and Apply
// returns an error; what was created is in the state.
func (e *Engine) Apply(ctx context.Context, plan *Plan) error {
	return e.run(ctx, "apply", loud, func(tf *tfexec.Terraform) error {
		if plan == nil || plan != e.saved {
			return errNotSaved
		}
		return errors.Join(tf.Apply(ctx, tfexec.DirOrPlan(e.planPath()), tfexec.LockTimeout(lockTimeout)), e.discard())
	})
}

// Empty tells whether the plan would change no resource.
func (p *Plan) Empty() bool { return len(p.Actions) == 0 }

// Equivalent tells whether two plans do the same to the same resources. The
// values may differ: a secret that was minted between the plans is no
// difference.
func Equivalent(a, b *Plan) bool { return slices.Equal(a.Actions, b.Actions) }

// planOf picks what matters from Terraform's JSON.
func planOf(shown *tfjson.Plan) *Plan {
	plan := &Plan{}
	for _, rc := range shown.ResourceChanges {
		if rc.Mode != tfjson.ManagedResourceMode || rc.Change == nil || rc.Change.Actions.NoOp() || rc.Change.Actions.Read() {
			continue
		}
		var verbs []string
		for _, a := range rc.Change.Actions {
			verbs = append(verbs, string(a))
			switch a {
			case tfjson.ActionCreate:
				plan.Changes.Add++
			case tfjson.ActionUpdate:
				plan.Changes.Change++
			case tfjson.ActionDelete:
				plan.Changes.Destroy++
			}
		}
		plan.Actions = append(plan.Actions, Action{Address: rc.Address, Verb: strings.Join(verbs, "+")})
	}
	slices.SortFunc(plan.Actions, func(a, b Action) int { return strings.Compare(a.Address, b.Address) })
	for _, c := range shown.Checks {
		if c.Address.Kind == tfjson.CheckKindCheckBlock {
			plan.Checks = append(plan.Checks, checkOf(c))
		}
	}
	return plan
}

func checkOf(c tfjson.CheckResultStatic) Check {
	check := Check{Address: c.Address.ToDisplay, Module: c.Address.Module, Name: c.Address.Name, Status: Status(c.Status)}
	for _, instance := range c.Instances {
		for _, problem := range instance.Problems {
			check.Problems = append(check.Problems, problem.Message)
		}
	}
	return check
}
