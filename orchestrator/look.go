package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/journal"
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

// List calls yield for the objects below a URL. Without recursive it stops at
// the next slash, and yields what lies behind one as an object of no size whose
// key ends in the slash.
func (o *Orchestrator) List(ctx context.Context, url string, recursive bool, yield func(objstore.Object) error) (err error) {
	l, err := o.Config.Resolve(url, o.Env)
	if err != nil {
		return &UsageError{Err: err}
	}
	if l.IsDir() {
		l = l.Directory()
	}
	b, _, err := o.openSource(ctx, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	last, found := "", false
	err = b.List(ctx, l.Key, "", func(x objstore.Object) error {
		found = true
		if i := strings.IndexByte(x.Key[len(l.Key):], '/'); !recursive && i >= 0 {
			x = objstore.Object{Key: x.Key[:len(l.Key)+i+1]}
			if x.Key == last {
				return nil
			}
			last = x.Key
		}
		return yield(x)
	})
	if objstore.KindOf(err) != objstore.KindUnknown {
		return &PreconditionError{Err: err, Hint: hintFor(err, l)}
	}
	// A bucket may be empty; a prefix exists by what is below it.
	if err == nil && !found && l.Key != "" {
		return &PreconditionError{Err: fmt.Errorf("nothing was found at %s", url), Hint: "check the prefix; skyctl ls of the bucket shows what there is"}
	}
	return err
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
