package orchestrator

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/skyctl/skyctl/orchestrator/account"
	accountopen "github.com/skyctl/skyctl/orchestrator/account/open"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/setup"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// Orchestrator works for one user on one workstation.
type Orchestrator struct {
	Config *config.Config
	Env    config.LookupEnv // os.LookupEnv
	Home   rundir.Home
	// AgentPath is the skyagent binary for gateways on this machine.
	AgentPath string
	// Observe is told what happens; it must be quick and safe for concurrent
	// use. Nil: nobody is told.
	Observe func(Progress)
	// Debug gets what the engine and Terraform have to say beyond that.
	Debug *slog.Logger
	// Account opens a cloud's account. Nil: open.Account of the configuration.
	Account func(ctx context.Context, clouds config.Clouds, cloud region.Cloud) (account.Account, error)

	fresh rundir.ID // the run that this process planned: its plan is not stale
}

// Phase is a step of a run.
type Phase string

const (
	PhaseList      Phase = "list"
	PhaseSolve     Phase = "solve"
	PhaseRender    Phase = "render"
	PhasePreview   Phase = "preview"   // terraform plan
	PhaseProvision Phase = "provision" // terraform apply
	PhaseEnroll    Phase = "enroll"
	PhaseTransfer  Phase = "transfer"
	PhaseMeasure   Phase = "measure"
	PhaseDestroy   Phase = "destroy"
)

// Progress is one thing that happened: a phase that began, an event of the
// transfer, or a line for people.
type Progress struct {
	Time  time.Time
	Run   rundir.ID
	Phase Phase           // set when it begins
	Note  string          // for people, with Phase: "3 gateways in 3 regions"
	Event *transfer.Event // within PhaseList and PhaseTransfer
	Line  string          // within PhaseMeasure
}

func (o *Orchestrator) observe(run *rundir.Run, p Progress) {
	if o.Observe != nil {
		p.Time, p.Run = time.Now(), run.ID
		o.Observe(p)
	}
}

func (o *Orchestrator) begin(run *rundir.Run, phase Phase, note string) {
	o.observe(run, Progress{Phase: phase, Note: note})
}

// terraformCache is where Terraform is installed if there is none on PATH.
func (o *Orchestrator) terraformCache() string { return filepath.Join(o.Home.Dir(), "terraform") }

func (o *Orchestrator) account(ctx context.Context, clouds config.Clouds, cloud region.Cloud) (account.Account, error) {
	if o.Account != nil {
		return o.Account(ctx, clouds, cloud)
	}
	return accountopen.Account(ctx, clouds, cloud)
}

// opener opens the accounts that the configuration names.
func (o *Orchestrator) opener(ctx context.Context, cloud region.Cloud) (account.Account, error) {
	return o.account(ctx, o.Config.Clouds, cloud)
}

// Setup is what this workstation has of what runs need; where there is no
// Terraform it installs the pin.
func (o *Orchestrator) Setup(ctx context.Context) setup.Setup {
	return setup.Look(ctx, o.Config, o.terraformCache(), o.opener)
}

// Policy is for an administrator of one cloud, as setup.Policy says.
func (o *Orchestrator) Policy(cloud region.Cloud) (account.Policy, error) {
	return setup.Policy(o.Config, cloud)
}

// WriteConfig writes a configuration to start from, in the working directory, and
// says where.
func (o *Orchestrator) WriteConfig() (string, error) { return setup.WriteConfig(o.Config) }

// StageAgent uploads AgentPath, and the agents of a release beside it, below an S3
// URL, and returns where machines fetch them.
func (o *Orchestrator) StageAgent(ctx context.Context, url string) ([]setup.StagedAgent, error) {
	return setup.StageAgent(ctx, o.Config, o.Env, o.AgentPath, url)
}
