package agent

import (
	"context"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/sink"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// Begin implements control.API.
func (a *Agent) Begin(ctx context.Context, req control.BeginRequest) (control.Begun, error) {
	b, ctx, done, err := a.bucket(ctx, req.Store)
	if err != nil {
		return control.Begun{}, err
	}
	defer done()
	kept, lost := b.Keeps(req.Metadata)
	up, err := b.Begin(ctx, req.Key, req.Size, kept)
	return control.Begun{Upload: up, Lost: lost}, err
}

// Uploads implements control.API.
func (a *Agent) Uploads(ctx context.Context, req control.UploadsRequest) ([]objstore.Upload, error) {
	b, ctx, done, err := a.bucket(ctx, req.Store)
	if err != nil {
		return nil, err
	}
	defer done()
	return b.Uploads(ctx, req.Key, req.Since)
}

// Commit implements control.API.
func (a *Agent) Commit(ctx context.Context, req control.CommitRequest) (control.Committed, error) {
	b, ctx, done, err := a.bucket(ctx, req.Store)
	if err != nil {
		return control.Committed{}, err
	}
	defer done()
	o, err := b.Commit(ctx, req.Upload, req.Parts, req.Upload.Size, req.Digest)
	if err != nil {
		return control.Committed{}, err
	}
	how, err := sink.Check(ctx, b, o, req.Upload.Size, req.Digest, a.readBack())
	if err != nil {
		return control.Committed{}, err
	}
	verified := control.VerifiedStore
	if how == wire.VerifiedRead {
		verified = control.VerifiedRead
	}
	return control.Committed{Version: o.Version, Verified: verified, Lost: o.Lost}, nil
}

// Abort implements control.API.
func (a *Agent) Abort(ctx context.Context, req control.UploadRequest) error {
	b, ctx, done, err := a.bucket(ctx, req.Store)
	if err != nil {
		return err
	}
	defer done()
	return b.Abort(ctx, req.Upload)
}

// Sweep implements control.API. It is of no session: it writes nothing.
func (a *Agent) Sweep(ctx context.Context, req control.SweepRequest) error {
	b, err := a.stores.get(req.Store)
	if err != nil {
		return err
	}
	return objstore.Sweep(ctx, b, req.Dirs)
}

// Parts implements control.API.
func (a *Agent) Parts(ctx context.Context, req control.UploadRequest) ([]objstore.PartRef, error) {
	b, ctx, done, err := a.bucket(ctx, req.Store)
	if err != nil {
		return nil, err
	}
	defer done()
	return b.Parts(ctx, req.Upload)
}
