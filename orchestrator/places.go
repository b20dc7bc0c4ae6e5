package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/orchestrator/config"
)

// answerWithin bounds everything that is checked before anything is created.
const answerWithin = 15 * time.Second

// Names of the stores in what agents are told.
const sourceStore = "source"

func destStore(i int) string { return fmt.Sprintf("dest%d", i) }

// places are the source and destinations of a request, resolved and opened.
type places struct {
	source   config.Location   // as the mappings start from it
	dests    []config.Location // the same of each mapping's end
	mappings []config.Mapping  // by route.Dest

	sourceBucket objstore.Bucket
	destBuckets  []objstore.Bucket
}

// resolve reads the request's URLs. Every error is wrong usage.
func (o *Orchestrator) resolve(req Request) (*places, error) {
	if err := checkFilters(req.Filters); err != nil {
		return nil, err
	}
	p := &places{}
	source, err := o.Config.Resolve(req.Source, o.Env)
	if err != nil {
		return nil, &UsageError{Err: err}
	}
	seen := map[string]bool{}
	for _, url := range req.Dests {
		if seen[url] {
			return nil, &UsageError{Err: fmt.Errorf("destination %s is given twice", url)}
		}
		seen[url] = true
		d, err := o.Config.Resolve(url, o.Env)
		if err != nil {
			return nil, &UsageError{Err: err}
		}
		m, err := config.Map(source, d, req.Recursive, d.IsDir())
		if err != nil {
			return nil, &UsageError{Err: err}
		}
		p.source, p.dests, p.mappings = m.Source, append(p.dests, m.Dest), append(p.mappings, m)
	}
	return p, nil
}

// open opens the buckets for this process and sees that they answer.
func (o *Orchestrator) open(ctx context.Context, p *places) (err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.sourceBucket, err = o.openBucket(ctx, p.source, false); err != nil {
		return err
	}
	for _, d := range p.dests {
		b, err2 := o.openBucket(ctx, d, true)
		if err2 != nil {
			return err2
		}
		p.destBuckets = append(p.destBuckets, b)
	}
	return nil
}

// openBucket opens a bucket and checks it. The directory that a path on this
// workstation leads to is made when it is written, so it need not exist.
func (o *Orchestrator) openBucket(ctx context.Context, l config.Location, dest bool) (objstore.Bucket, error) {
	if len(l.Regions) == 0 {
		return nil, &UsageError{Err: fmt.Errorf("%s: the bucket's region is not known", l.URL),
			Hint: "set AWS_REGION, or declare a store with a region in skyctl.yaml"}
	}
	b, err := open.Open(ctx, l.Config)
	if err != nil {
		return nil, &PreconditionError{Err: fmt.Errorf("%s: %w", l.URL, err)}
	}
	if dest && l.Config.Type == "file" && l.Store == "file" {
		return b, nil
	}
	if err := b.Check(ctx); err != nil {
		return nil, errors.Join(&PreconditionError{Err: err, Hint: hintFor(err, l)}, b.Close())
	}
	return b, nil
}

// hintFor says what to do about a store that refused.
func hintFor(err error, l config.Location) string {
	switch objstore.KindOf(err) {
	case objstore.KindNotFound:
		return fmt.Sprintf("create it, or check the name in %s", l.URL)
	case objstore.KindPermission:
		return "check the store's credentials, and what they may do there"
	case objstore.KindUnreachable:
		return "check the store's endpoint, and that it can be reached from here"
	}
	return ""
}

func (p *places) close() error {
	var errs []error
	for _, b := range append(p.destBuckets, p.sourceBucket) {
		if b != nil {
			errs = append(errs, b.Close())
		}
	}
	return errors.Join(errs...)
}
