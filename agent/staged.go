package agent

import (
	"context"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/sink"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// Begin implements control.API.
func (a *Agent) Begin(ctx context.Context, req control.BeginRequest) (objstore.Upload, error) {
	b, now, err := a.bucket(req.Store)
	if err != nil {
		return objstore.Upload{}, err
	}
	defer now.leave()
	return b.Begin(ctx, req.Key, req.Size, req.Metadata)
}

// Commit implements control.API.
func (a *Agent) Commit(ctx context.Context, req control.CommitRequest) (control.Committed, error) {
	b, now, err := a.bucket(req.Store)
	if err != nil {
		return control.Committed{}, err
	}
	defer now.leave()
	o, err := b.Commit(ctx, req.Upload, req.Parts, req.Upload.Size, req.Digest)
	if err != nil {
		return control.Committed{}, err
	}
	how, err := sink.Check(ctx, b, o, req.Upload.Size, req.Digest, now.readBack)
	if err != nil {
		return control.Committed{}, err
	}
	verified := control.VerifiedStore
	if how == wire.VerifiedRead {
		verified = control.VerifiedRead
	}
	return control.Committed{Version: o.Version, Verified: verified}, nil
}

// Abort implements control.API.
func (a *Agent) Abort(ctx context.Context, req control.UploadRequest) error {
	b, now, err := a.bucket(req.Store)
	if err != nil {
		return err
	}
	defer now.leave()
	return b.Abort(ctx, req.Upload)
}

// Parts implements control.API.
func (a *Agent) Parts(ctx context.Context, req control.UploadRequest) ([]objstore.PartRef, error) {
	b, now, err := a.bucket(req.Store)
	if err != nil {
		return nil, err
	}
	defer now.leave()
	return b.Parts(ctx, req.Upload)
}
