package orchestrator

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/basis"
	"github.com/skyctl/skyctl/orchestrator/journal"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/terraform/binary"
	"github.com/skyctl/skyctl/terraform/engine"
)

// Status tells where a run stands. It may be asked while another process works
// on the run.
func (o *Orchestrator) Status(ctx context.Context, id rundir.ID) (Status, error) {
	run, err := o.Home.Open(string(id))
	if err != nil {
		return Status{}, err
	}
	return o.status(ctx, run)
}

// Runs tells where every run stands, oldest first. One that cannot be read is
// listed as that, so that it hides no other. A directory whose planning did not
// come to its end is left out.
func (o *Orchestrator) Runs(ctx context.Context) ([]Status, error) {
	runs, err := o.Home.List()
	if err != nil {
		return nil, err
	}
	out := []Status{}
	for _, run := range runs {
		if _, err := os.Stat(savedFile(run)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		s, err := o.status(ctx, run)
		if cerr := ctx.Err(); cerr != nil {
			return nil, cerr
		}
		if err != nil {
			s = Status{Run: run.ID, State: StateUnreadable, Dests: []string{}, Error: err.Error()}
		}
		out = append(out, s)
	}
	return out, nil
}

func (o *Orchestrator) status(ctx context.Context, run *rundir.Run) (s Status, err error) {
	saved, err := load(run)
	if err != nil {
		return Status{}, err
	}
	j, err := journal.OpenReader(ctx, run.Journal())
	if err != nil {
		return Status{}, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	counts, cerr := j.Counts(ctx)
	state, serr := j.Value(ctx, keyState)
	if err := errors.Join(cerr, serr); err != nil {
		return Status{}, err
	}
	s = Status{Run: run.ID, State: State(state), Source: saved.Request.Source, Dests: saved.Request.Dests,
		Created: saved.Created.Format(time.RFC3339), Objects: counts.Listed, Bytes: counts.DoneBytes,
		Done: counts.Done, Skipped: counts.Skipped, Failed: counts.Failed, Pending: counts.Pending}
	if s.State == "" {
		s.State = StatePlanned
	}
	if s.Busy, err = run.Held(); err != nil {
		return Status{}, err
	}
	if s.Busy {
		s.State = StateRunning
	}
	return s, nil
}

// List calls yield for the objects below a URL, as places.List does.
func (o *Orchestrator) List(ctx context.Context, url string, recursive bool, yield func(objstore.Object) error) error {
	return places.List(ctx, o.Config, o.Env, url, recursive, yield)
}

// Terraform runs the run's Terraform for the person at the terminal, and
// returns its exit code. What it answers goes to stdout.
func (o *Orchestrator) Terraform(ctx context.Context, id rundir.ID, stdout io.Writer, args []string) (int, error) {
	run, err := o.Home.Open(string(id))
	if err != nil {
		return 0, err
	}
	if !rendered(run) {
		return 0, &PreconditionError{Err: errors.New("run " + string(id) + " has no gateways, so it has no Terraform directory")}
	}
	bin, err := binary.Find(ctx, binary.Options{Path: o.Config.Terraform.Path, CacheDir: o.terraformCache()})
	if err != nil {
		return 0, &PreconditionError{Err: err}
	}
	return engine.Interactive(run.Terraform(), bin.Path, stdout, args)
}

// Figures are what plans rest on: what the configuration states, then what the
// files do, then what was measured, imported and is built in.
func (o *Orchestrator) Figures(files basis.Files) (basis.Figures, error) {
	return basis.Read(o.Config, o.Home, files)
}

// ImportGrid checks a file of measured links and keeps it: from now on plans
// believe it before the built-in model.
func (o *Orchestrator) ImportGrid(file string) (basis.Imported, error) {
	return basis.Import(o.Home, file)
}

// Estimate plans a transfer between regions, as quote.Between does.
func (o *Orchestrator) Estimate(ctx context.Context, req quote.Request) (quote.Estimate, error) {
	f, err := o.Figures(req.Files)
	if err != nil {
		return quote.Estimate{}, err
	}
	return quote.Between(ctx, o.Config, f, req)
}
