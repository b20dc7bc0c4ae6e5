// Package engine drives the Terraform of one root module: init, plan, apply,
// outputs, state, destroy, through terraform-exec.
//
// It adds what a program needs that rents machines with it. Terraform runs
// supervised, so that it writes its state also when the program is killed
// (package supervise). Plan files, which hold secrets, are gone after apply.
// Destroy does not give up on one region because another fails. And the
// environment is cleaned of what would make Terraform read other variables,
// other arguments or another state than this root's.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/terraform-exec/tfexec"

	"github.com/skyctl/skyctl/terraform/engine/supervise"
)

// planFile is where saved plans are kept, in the root's directory.
const planFile = "skyctl.tfplan"

// lockTimeout is how long Terraform waits for the state's lock: a program that
// was killed left a Terraform behind that is finishing what it does.
const lockTimeout = "10m"

// Config says what to drive and with what.
type Config struct {
	Dir       string        // the root module
	Binary    string        // path of Terraform or OpenTofu
	Log       io.Writer     // gets what Terraform prints for people; nil: nobody
	PluginDir string        // install providers from here only; empty: as Terraform is configured
	Lock      string        // record of the providers that roots were given before, kept up to date; empty: none is kept
	Grace     time.Duration // how long a cancelled Terraform may take to end before it is killed; 0: 10 minutes
}

// Engine drives one root. Calls are carried out one at a time: Terraform would
// refuse two for the state's lock.
type Engine struct {
	cfg   Config
	turn  chan *tfexec.Terraform // holds it while nobody uses it
	saved *Plan                  // in planFile; belongs to whoever has the turn
}

// New returns an engine for an existing directory. The program's main function
// must call supervise.Main.
func New(cfg Config) (*Engine, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	cfg.Dir = dir
	if info, err := os.Stat(cfg.Dir); err != nil {
		return nil, fmt.Errorf("root module: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("root module: %s is not a directory", cfg.Dir)
	}
	if cfg.Binary == "" {
		return nil, errors.New("engine without a Terraform binary")
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	if cfg.Grace == 0 {
		cfg.Grace = 10 * time.Minute
	}
	command, err := supervise.Wrap(cfg.Binary, "")
	if err != nil {
		return nil, err
	}
	tf, err := tfexec.NewTerraform(cfg.Dir, command.Path)
	if err != nil {
		return nil, err
	}
	if err := tf.SetWaitDelay(cfg.Grace); err != nil {
		return nil, err
	}
	tf.SetStderr(cfg.Log)
	e := &Engine{cfg: cfg, turn: make(chan *tfexec.Terraform, 1)}
	e.turn <- tf
	return e, nil
}

// Init prepares the directory: providers, modules, backend. It may be repeated,
// removes what a killed apply left, its plan, and puts a state that could not be
// written then where it belongs.
func (e *Engine) Init(ctx context.Context) error {
	return e.run(ctx, "init", loud, func(tf *tfexec.Terraform) error {
		if err := e.discard(); err != nil {
			return err
		}
		var opts []tfexec.InitOption
		if e.cfg.PluginDir != "" {
			opts = append(opts, tfexec.PluginDir(e.cfg.PluginDir))
		}
		if err := e.seed(); err != nil {
			return fmt.Errorf("providers of earlier roots: %w", err)
		}
		if err := tf.Init(ctx, opts...); err != nil {
			return err
		}
		if err := e.collect(); err != nil {
			return fmt.Errorf("providers for later roots: %w", err)
		}
		return e.pushErrored(ctx, tf)
	})
}

// volume says whether Terraform's standard output is for people to read. That
// of commands that answer in JSON is not, and may hold secrets.
type volume bool

const (
	loud  volume = true
	quiet volume = false
)

// run takes its turn and calls fn with a Terraform that is set up for it. An
// error of fn's becomes an *Error of the operation.
func (e *Engine) run(ctx context.Context, op string, v volume, fn func(tf *tfexec.Terraform) error) error {
	var tf *tfexec.Terraform
	select {
	case <-ctx.Done():
		return ctx.Err()
	case tf = <-e.turn:
		defer func() { e.turn <- tf }()
	}
	if err := e.prepare(ctx, tf, op, v); err != nil {
		return wrap(op, sound(ctx, err))
	}
	if err := fn(tf); err != nil {
		return wrap(op, sound(ctx, err))
	}
	return nil
}

// sound replaces the error that terraform-exec (v0.26) answers with where ctx
// ended and the command ended well all the same: it holds none, and its Error
// panics.
func sound(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil && errors.Is(err, ended) && errors.Unwrap(err) == nil {
		return ended
	}
	return err
}

// prepare sets everything that may differ from one call to the next.
func (e *Engine) prepare(ctx context.Context, tf *tfexec.Terraform, op string, v volume) error {
	remove := ""
	if op == "apply" {
		remove = e.planPath() // by the supervisor, should this process not live that long
	}
	command, err := supervise.Wrap(e.cfg.Binary, remove)
	if err != nil {
		return err
	}
	env := cleanEnv(os.Environ())
	maps.Copy(env, command.Env)
	if err := tf.SetEnv(env); err != nil {
		return err
	}
	// terraform-exec asks for the version once, of itself; not in the log.
	tf.SetStdout(io.Discard)
	if _, _, err := tf.Version(ctx, false); err != nil {
		return err
	}
	if v == loud {
		tf.SetStdout(e.cfg.Log)
	}
	return nil
}

func (e *Engine) planPath() string { return filepath.Join(e.cfg.Dir, planFile) }

// discard removes the saved plan, if there is one.
func (e *Engine) discard() error {
	e.saved = nil
	if err := os.Remove(e.planPath()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
