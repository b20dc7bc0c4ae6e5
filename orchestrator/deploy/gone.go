package deploy

import (
	"context"
	"fmt"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// gone stands for a gateway that does not live: whatever it is asked fails.
type gone struct{ name route.Gateway }

func (g gone) err() error { return fmt.Errorf("gateway %s does not live", g.name) }

func (g gone) Info(context.Context) (control.Info, error)                          { return control.Info{}, g.err() }
func (g gone) Configure(context.Context, control.Config) error                     { return g.err() }
func (g gone) Assign(context.Context, []control.Assignment) error                  { return g.err() }
func (g gone) Abort(context.Context, control.UploadRequest) error                  { return g.err() }
func (g gone) Sweep(context.Context, control.SweepRequest) error                   { return g.err() }
func (g gone) Quiesce(context.Context) error                                       { return g.err() }
func (g gone) Limit(context.Context, control.LimitRequest) error                   { return g.err() }
func (g gone) Stats(context.Context) (control.Stats, error)                        { return control.Stats{}, g.err() }
func (g gone) Results(context.Context, uint64, func([]control.Result) error) error { return g.err() }
func (g gone) Renew(context.Context, map[string]objstore.Config) error             { return g.err() }
func (g gone) Uploads(context.Context, control.UploadsRequest) ([]objstore.Upload, error) {
	return nil, g.err()
}
func (g gone) Begin(context.Context, control.BeginRequest) (control.Begun, error) {
	return control.Begun{}, g.err()
}
func (g gone) Commit(context.Context, control.CommitRequest) (control.Committed, error) {
	return control.Committed{}, g.err()
}
func (g gone) Parts(context.Context, control.UploadRequest) ([]objstore.PartRef, error) {
	return nil, g.err()
}

func (g gone) Measure(context.Context, control.MeasureRequest) (control.Measured, error) {
	return control.Measured{}, g.err()
}

func (g gone) Probe(context.Context, control.ProbeRequest) (control.ProbeResult, error) {
	return control.ProbeResult{}, g.err()
}
