package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/agent/objstore/pace"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/region"
)

// answerWithin bounds everything that is checked before anything is created: the
// user is to know within 15 s.
const answerWithin = 14 * time.Second

// Names of the stores in what agents are told.
const sourceStore = "source"

func destStore(i int) string { return fmt.Sprintf("dest%d", i) }

// places are the source and destinations of a request, resolved and opened.
type places struct {
	source   config.Location   // as the mappings start from it
	dests    []config.Location // the same of each mapping's end
	roots    []config.Location // the bucket that each is in, which has to exist
	mappings []config.Mapping  // by route.Dest

	sourceBucket objstore.Bucket
	destBuckets  []objstore.Bucket
	warnings     []string // of the destinations' stores, about writing there
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
	for _, url := range req.Dests {
		d, err := o.Config.Resolve(url, o.Env)
		if err != nil {
			return nil, &UsageError{Err: err}
		}
		m, err := config.Map(source, d, req.Recursive, d.IsDir())
		if err != nil {
			return nil, &UsageError{Err: err}
		}
		if i := slices.IndexFunc(p.mappings, func(other config.Mapping) bool { return other.SameDest(m) }); i >= 0 {
			return nil, &UsageError{Err: fmt.Errorf("destinations %s and %s are the same: name each once", req.Dests[i], url)}
		}
		p.source, p.dests, p.mappings = m.Source, append(p.dests, m.Dest), append(p.mappings, m)
		p.roots = append(p.roots, d)
	}
	return p, p.instruct(req)
}

// instruct tells the stores what the user wants of them. The error is wrong
// usage: a store that cannot do it.
func (p *places) instruct(req Request) error {
	p.source.Config.Symlinks, p.source.Config.RequesterPays = req.Symlinks, req.RequesterPays
	if req.Symlinks != "" && p.source.Config.Type != "file" {
		return &UsageError{Err: fmt.Errorf("--symlinks is for a source of files, %s is not", p.source.URL)}
	}
	pays := chargeable(p.source)
	for i := range p.dests {
		d := &p.dests[i]
		pays = pays || chargeable(*d)
		d.Config.StorageClasses, d.Config.KMSKey, d.Config.RequesterPays = req.StorageClasses, req.KMSKey, req.RequesterPays
		switch {
		case req.KMSKey != "" && d.Config.Type != "s3":
			return &UsageError{Err: fmt.Errorf("--kms-key is for S3, %s is not", d.URL)}
		case len(req.StorageClasses) > 0 && d.Config.Type == "file":
			return &UsageError{Err: fmt.Errorf("--storage-class is for object stores, %s is not", d.URL)}
		}
	}
	if req.RequesterPays && !pays {
		return &UsageError{Err: errors.New("--requester-pays is for S3 and Cloud Storage, and neither is among the places given")}
	}
	return nil
}

// suits refuses a path of which -r says something else than it is.
func (p *places) suits(recursive bool) error {
	if p.source.Store != "file" {
		return nil
	}
	look := os.Stat
	if s := p.source.Config.Symlinks; !recursive && (s == objstore.SymlinksCopy || s == objstore.SymlinksSkip) {
		look = os.Lstat // the link itself is what is named
	}
	info, err := look(filepath.Join(p.source.Config.Bucket, p.source.Key))
	switch {
	case err != nil: // opening it says why
		return nil
	case info.IsDir() && !recursive:
		return &PreconditionError{Err: fmt.Errorf("%s is a directory", p.source.URL), Hint: "add -r to take everything below it"}
	case !info.IsDir() && recursive:
		return &PreconditionError{Err: fmt.Errorf("%s is no directory", p.source.URL), Hint: "leave -r out to take this one object"}
	}
	return nil
}

// chargeable tells whether a store knows requesters that pay.
func chargeable(l config.Location) bool { return l.Config.Type == "s3" || l.Config.Type == "gcs" }

// omitted is what the listing of the source met that can be no object.
func (p *places) omitted() []string {
	o, ok := p.sourceBucket.(objstore.Omitter)
	if !ok {
		return nil
	}
	var warnings []string
	for _, what := range o.Omitted() {
		warnings = append(warnings, p.source.URL+": "+what)
	}
	return warnings
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
	var about objstore.About
	if p.sourceBucket, about, err = o.openSource(ctx, p.source); err != nil {
		return err
	}
	p.source.Locate(about.Regions)
	for i := range p.dests {
		b, about, err := o.openDest(ctx, p.dests[i], p.roots[i])
		if err != nil {
			return err
		}
		p.destBuckets, p.warnings = append(p.destBuckets, b), append(p.warnings, about.Warnings...)
		p.dests[i].Locate(about.Regions)
	}
	return p.settle()
}

// settle gives a bucket that is equally near to everywhere the regions of what
// it is copied from or to, and sees that every bucket is somewhere.
func (p *places) settle() error {
	all := []*config.Location{&p.source}
	for i := range p.dests {
		all = append(all, &p.dests[i])
	}
	var everywhere []*config.Location
	var known []region.Region
	for _, l := range all {
		if len(l.Regions) == 0 && l.Anywhere() {
			everywhere = append(everywhere, l)
		}
		for _, r := range l.Regions {
			if !slices.Contains(known, r) {
				known = append(known, r)
			}
		}
	}
	for _, l := range everywhere {
		l.Regions = known
	}
	for _, l := range all {
		if len(l.Regions) == 0 {
			return &PreconditionError{Err: fmt.Errorf("%s: the store does not say where the bucket is", l.URL), Hint: l.RegionHint()}
		}
	}
	return nil
}

// openSource opens a bucket to read from, and sees that it answers.
func (o *Orchestrator) openSource(ctx context.Context, l config.Location) (objstore.Bucket, objstore.About, error) {
	b, err := o.openBucket(ctx, l)
	if err != nil {
		return nil, objstore.About{}, err
	}
	about, err := b.Check(ctx)
	if err != nil {
		return nil, about, errors.Join(&PreconditionError{Err: err, Hint: hintFor(err, l)}, b.Close())
	}
	return b, about, nil
}

// openDest opens a bucket to write to, and sees that it can be: root is what
// the user named as the bucket. A prefix of files is a bucket of its own, which
// is made when it is written, as is a path of this workstation.
func (o *Orchestrator) openDest(ctx context.Context, l, root config.Location) (b objstore.Bucket, about objstore.About, err error) {
	if b, err = o.openBucket(ctx, l); err != nil {
		return nil, about, err
	}
	switch {
	case root.Store == "file":
		if err := makeable(l.Config.Bucket); err != nil {
			return nil, about, errors.Join(&PreconditionError{Err: err, Hint: "make it writable, or name another destination than " + l.URL}, b.Close())
		}
	case l.Config.Bucket != root.Config.Bucket:
		var outer objstore.Bucket
		if outer, err = open.Open(ctx, root.Config); err == nil {
			about, err = outer.Check(ctx)
			err = errors.Join(err, outer.Close())
		}
	default:
		about, err = b.Check(ctx)
	}
	if err != nil {
		return nil, about, errors.Join(&PreconditionError{Err: err, Hint: hintFor(err, l)}, b.Close())
	}
	return b, about, nil
}

func (o *Orchestrator) openBucket(ctx context.Context, l config.Location) (objstore.Bucket, error) {
	b, err := open.Open(ctx, l.Config)
	if err != nil {
		err = fmt.Errorf("%s: %w", l.URL, err)
		if objstore.KindOf(err) == objstore.KindInvalid { // nothing was contacted to know that
			return nil, &UsageError{Err: err}
		}
		return nil, &PreconditionError{Err: err}
	}
	return pace.New(b), nil
}

// makeable tells whether a directory is there to be written, or could be made.
func makeable(dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		err := unix.Access(at, unix.W_OK|unix.X_OK)
		if errors.Is(err, unix.ENOENT) && at != filepath.Dir(at) {
			continue
		}
		if err == nil {
			var info os.FileInfo
			if info, err = os.Stat(at); err == nil && !info.IsDir() {
				err = unix.ENOTDIR
			}
		}
		if err != nil {
			return fmt.Errorf("cannot write below %s: %w", at, err)
		}
		return nil
	}
}

// hintFor says what to do about a store that refused.
func hintFor(err error, l config.Location) string {
	switch objstore.KindOf(err) {
	case objstore.KindNotFound:
		return fmt.Sprintf("create it, or check the name in %s", l.URL)
	case objstore.KindPermission:
		return "check the store's credentials, and what they may do there"
	case objstore.KindExpired:
		return "get new credentials for the store"
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
