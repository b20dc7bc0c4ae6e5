// Package deploy turns a layout into live, enrolled gateways and back into
// nothing: it renders the root module, has Terraform apply it, makes the run's
// certificate authority and tokens, enrolls each gateway, and destroys them.
//
// What it needs to find its gateways again after a crash is in the run
// directory: Terraform's state, the authority, and the choices that it made
// when it applied.
package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/terraform/binary"
	"github.com/skyctl/skyctl/terraform/engine"
)

// Times of a gateway's life.
const (
	// EnrollWithin is how long an agent waits for its orchestrator.
	EnrollWithin = 5 * time.Minute
	// MaxLifetime bounds what a forecast may ask for.
	MaxLifetime = 24 * time.Hour
	minLifetime = time.Hour
)

// Lifetime is how long gateways may live for a run that is forecast to take so
// long: four times that, within an hour and a day.
func Lifetime(forecast time.Duration) time.Duration {
	return min(max(4*min(forecast, MaxLifetime), minLifetime), MaxLifetime).Round(time.Second)
}

// Config says what to deploy, and for which run.
type Config struct {
	Run       *rundir.Run
	Layout    *layout.Layout
	There     int // how many of the layout's gateways exist: what is wanted of the clouds is for the others
	Settings  *config.Config
	CacheDir  string // where Terraform is installed if there is none
	Lock      string // which providers runs were given before; engine.Config has it
	AgentPath string // skyagent, for gateways on this machine and on hosts of the user's
	Lifetime  time.Duration

	// Grows tells that gateways may have been joining the run when an earlier
	// process ended.
	Grows bool

	// Zones are those that offer a machine type; of one that is not in it nothing
	// is known.
	Zones map[region.Kind][]string
	// Say is told what is tried when a cloud has no room. Nil: nobody is.
	Say func(note string)
}

// Deployment is the gateways of one run. Its methods are called one at a time,
// but for API, Replace, and one of Connect and Grow.
type Deployment struct {
	cfg    Config
	engine *engine.Engine
	log    io.Closer

	prepared  bool // Terraform's directory, by this process
	replacing sync.Mutex
	untidy    error // what Destroy could not do beside destroying

	mu        sync.Mutex
	choices   choices
	authority *enroll.Authority
	gateways  map[route.Gateway]*gateway
}

// gateway is one that lives.
type gateway struct {
	address string
	client  *control.Client
}

// choices are what an apply decided and a later process has to know.
type choices struct {
	NotAfter     time.Time             `json:"not_after"`
	Ports        map[route.Gateway]int `json:"ports"`
	ControlCIDRs []string              `json:"control_cidrs,omitempty"`

	Zones map[route.Gateway]string `json:"zones,omitempty"` // of which is chosen
}

// New prepares a deployment: it finds Terraform, and creates nothing.
func New(ctx context.Context, cfg Config) (*Deployment, error) {
	if err := Check(cfg); err != nil {
		return nil, err
	}
	return Existing(ctx, cfg)
}

// Existing is New of a deployment that is only to be destroyed. That needs
// neither an agent nor a configuration: whose machines they are is in the root.
func Existing(ctx context.Context, cfg Config) (*Deployment, error) {
	bin, err := binary.Find(ctx, binary.Options{Path: cfg.Settings.Terraform.Path, CacheDir: cfg.CacheDir})
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Run.Terraform(), 0o700); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Run.Logs(), 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(cfg.Run.Logs(), "terraform.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(engine.Config{Dir: cfg.Run.Terraform(), Binary: bin.Path, Log: log, PluginDir: cfg.Settings.Terraform.PluginDir, Lock: cfg.Lock})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return &Deployment{cfg: cfg, engine: e, log: log, gateways: map[route.Gateway]*gateway{}}, nil
}

// Check refuses a deployment that lacks what can be known of without asking
// anybody: an agent to start, an account that is named.
func Check(cfg Config) error {
	if uses(cfg.Layout, region.Local, region.SSH) {
		if err := checkAgent(cfg.AgentPath); err != nil {
			return err
		}
	}
	return checkClouds(cfg)
}

// prepare has Terraform prepare its directory. That also removes the plan, with
// its secrets, that a killed apply left.
func (d *Deployment) prepare(ctx context.Context) error {
	err := d.engine.Init(ctx)
	d.prepared = err == nil
	return err
}

// checkAgent finds out before anything is created that there is no agent to
// start.
func checkAgent(path string) error {
	if path == "" {
		return errors.New("skyagent was not found beside skyctl or on PATH: build it with make build, or set SKYCTL_AGENT to its path")
	}
	if _, err := exec.LookPath(path); err != nil {
		return fmt.Errorf("skyagent cannot be started: %w; build it with make build, or set SKYCTL_AGENT to its path", err)
	}
	return nil
}

// Close lets go of the gateways without touching them. Its error tells of
// nothing that is left.
func (d *Deployment) Close() error {
	return errors.Join(d.untidy, d.disconnect(), d.log.Close())
}

func (d *Deployment) disconnect() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for name, g := range d.gateways {
		errs = append(errs, g.client.Close())
		delete(d.gateways, name)
	}
	return errors.Join(errs...)
}

// NotAfter is when the gateways end themselves.
func (d *Deployment) NotAfter() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.choices.NotAfter
}

// API returns the client of a gateway that lives.
func (d *Deployment) API(name route.Gateway) control.API {
	d.mu.Lock()
	defer d.mu.Unlock()
	if g := d.gateways[name]; g != nil {
		return g.client
	}
	return gone{name}
}

// Addresses returns where the gateways listen.
func (d *Deployment) Addresses() map[route.Gateway]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := map[route.Gateway]string{}
	for name, g := range d.gateways {
		at[name] = g.address
	}
	return at
}

func (d *Deployment) choicesFile() string { return filepath.Join(d.cfg.Run.CA(), "deployment.json") }

// load reads what an earlier process left; fs.ErrNotExist if none applied.
func (d *Deployment) load() error {
	authority, err := enroll.LoadAuthority(d.cfg.Run.CA())
	if err != nil {
		return err
	}
	var c choices
	if err := rundir.ReadJSON(d.choicesFile(), &c); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.authority, d.choices = authority, c
	return nil
}

// decide makes a new authority and new choices, and keeps them before anything
// is created by them.
func (d *Deployment) decide(ctx context.Context) error {
	ports, err := choosePorts(d.cfg.Layout, d.cfg.Settings)
	if err != nil {
		return err
	}
	cidrs, err := controlCIDRs(ctx, d.cfg)
	if err != nil {
		return err
	}
	c := choices{NotAfter: time.Now().Add(d.cfg.Lifetime).UTC().Truncate(time.Second), Ports: ports, ControlCIDRs: cidrs, Zones: firstZones(d.cfg)}
	authority, err := enroll.NewAuthority(string(d.cfg.Run.ID), c.NotAfter)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(d.cfg.Run.CA()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := authority.Save(d.cfg.Run.CA()); err != nil {
		return err
	}
	if err := rundir.WriteJSON(d.choicesFile(), c); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.authority, d.choices = authority, c
	return nil
}

// choose changes a choice, and keeps it for a later process.
func (d *Deployment) choose(change func(*choices)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.choices)
	return rundir.WriteJSON(d.choicesFile(), d.choices)
}

// Owner is who answers for the gateways, in tags.
func Owner() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
