package cli

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/account"
	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/gc"
	"github.com/skyctl/skyctl/orchestrator/measure"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/orchestrator/setup"
)

// service is what commands need of package orchestrator.
type service interface {
	Plan(ctx context.Context, req orchestrator.Request) (orchestrator.Plan, error)
	Apply(ctx context.Context, id rundir.ID, opts orchestrator.ApplyOptions) (orchestrator.Result, error)
	Resume(ctx context.Context, id rundir.ID, opts orchestrator.ApplyOptions) (orchestrator.Result, error)
	Cancel(ctx context.Context, id rundir.ID) error
	Destroy(ctx context.Context, id rundir.ID) error
	Leftovers(ctx context.Context, req orchestrator.CollectRequest) (orchestrator.Leftovers, error)
	Collect(ctx context.Context, l orchestrator.Leftovers) ([]gc.Outcome, error)
	Setup(ctx context.Context) setup.Setup
	Policy(cloud region.Cloud) (account.Policy, error)
	WriteConfig() (path string, err error)
	StageAgent(ctx context.Context, url string) ([]setup.StagedAgent, error)
	Discard(id rundir.ID) error
	Render(ctx context.Context, req orchestrator.RenderRequest) error
	Status(ctx context.Context, id rundir.ID) (orchestrator.Status, error)
	Runs(ctx context.Context) ([]orchestrator.Status, error)
	List(ctx context.Context, url string, recursive bool, yield func(objstore.Object) error) error
	Estimate(ctx context.Context, req quote.Request) (quote.Estimate, error)
	Figures(files basis.Files) (basis.Figures, error)
	PlanMeasure(req measure.Request) (orchestrator.MeasurePlan, error)
	Measure(ctx context.Context, req measure.Request) (orchestrator.MeasureResult, error)
	ImportGrid(file string) (basis.Imported, error)
	Terraform(ctx context.Context, id rundir.ID, stdout io.Writer, args []string) (exit int, err error)
}

// loadConfig reads the --config file, or the one that is found without it.
func loadConfig(file string) (*config.Config, error) {
	cfg, err := config.Load(file, os.LookupEnv)
	if err != nil {
		return nil, &orchestrator.UsageError{Err: err, Hint: "correct the configuration, or name another with --config"}
	}
	return cfg, nil
}

// newService makes the orchestrator as configuration and environment say.
func newService(configFile string, home rundir.Home, observe func(orchestrator.Progress)) (service, error) {
	cfg, err := loadConfig(configFile)
	if err != nil {
		return nil, err
	}
	return &orchestrator.Orchestrator{
		Config:    cfg,
		Env:       os.LookupEnv,
		Home:      home,
		AgentPath: agentPath(),
		Observe:   observe,
		Debug:     slog.New(slog.DiscardHandler),
	}, nil
}

// agentPath finds skyagent: where SKYCTL_AGENT says, else beside this program,
// else on PATH. It is empty if there is none; only a run with gateways on this
// machine needs it.
func agentPath() string {
	const name = "skyagent"
	if path := os.Getenv("SKYCTL_AGENT"); path != "" {
		return absolute(path)
	}
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return absolute(path)
}

// absolute makes path independent of the working directory, which differs for
// Terraform.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
