// Package open turns a Config into a Bucket. It is the only importer of the
// providers, so whatever does not need a real store does not link one.
package open

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/azblob"
	"github.com/skyctl/skyctl/agent/objstore/file"
	"github.com/skyctl/skyctl/agent/objstore/gcs"
	"github.com/skyctl/skyctl/agent/objstore/mem"
	"github.com/skyctl/skyctl/agent/objstore/s3"
)

// providers is the whole registry, by Config.Type.
var providers = map[string]func(context.Context, objstore.Config) (objstore.Bucket, error){
	"azblob": azblob.Open,
	"file":   file.Open,
	"gcs":    gcs.Open,
	"mem":    mem.Open,
	"s3":     s3.Open,
}

// Open returns the bucket that cfg describes. It contacts nothing: whether the
// bucket exists and answers is for Bucket.Check.
func Open(ctx context.Context, cfg objstore.Config) (objstore.Bucket, error) {
	provider, ok := providers[cfg.Type]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(providers)), ", ")
		return nil, &objstore.Error{Op: "open", Bucket: cfg.Bucket, Kind: objstore.KindInvalid,
			Err: fmt.Errorf("unknown store type %q; known are %s", cfg.Type, known)}
	}
	return provider(ctx, cfg)
}

// Delegate returns cfg as an agent elsewhere can use it: with credentials that
// are limited to scope as far as the store can, else with those that this
// process finds in its environment spelled out. Azure limits them to the
// container, not to its keys: only accounts with a hierarchical namespace know
// tokens of a directory. It travels over the control channel only.
//
// Where what is found here goes along whole, or nothing does, whole says why in
// a sentence for the user. Of what he gave as temporary himself it says nothing.
func Delegate(ctx context.Context, cfg objstore.Config, scope objstore.Scope) (_ objstore.Config, whole string, err error) {
	switch cfg.Type {
	case "azblob":
		return azblob.Delegate(ctx, cfg, scope.Write)
	case "gcs":
		return gcs.Delegate(ctx, cfg, scope)
	case "s3":
		return s3.Delegate(ctx, cfg, scope)
	}
	return cfg, "", nil
}
