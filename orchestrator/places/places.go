package places

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/open"
	"github.com/skyctl/skyctl/agent/objstore/pace"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/failure"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/transfer"
)

// Copy is what is to be copied where, and what the stores are told of it.
type Copy struct {
	Source    string   `json:"source"` // URL or path, as written
	Dests     []string `json:"dests"`
	Recursive bool     `json:"recursive"`
	Filters   []Filter `json:"filters,omitempty"`

	// See objstore.Config.
	Symlinks       objstore.Symlinks `json:"symlinks,omitempty"`
	StorageClasses map[string]string `json:"storage_classes,omitempty"`
	KMSKey         string            `json:"kms_key,omitempty"`
	RequesterPays  bool              `json:"requester_pays,omitempty"`
}

// Places are the source and destinations of a copy.
type Places struct {
	Source config.Location   // as the mappings start from it
	Dests  []config.Location // the same of each mapping's end

	// Once they are open:
	SourceBucket objstore.Bucket
	DestBuckets  []objstore.Bucket
	Warnings     []string // of the destinations' stores, about writing there

	asked    Copy
	role     string            // for credentials that are limited to the copy
	roots    []config.Location // the bucket that each destination is in, which has to exist
	mappings []config.Mapping  // by route.Dest
}

// Resolve reads the URLs of a copy. Every error is wrong usage.
func Resolve(c *config.Config, env config.LookupEnv, asked Copy) (*Places, error) {
	if err := checkFilters(asked.Filters); err != nil {
		return nil, err
	}
	p := &Places{asked: asked, role: c.Clouds.AWS.AssumeRole}
	source, err := c.Resolve(asked.Source, env)
	if err != nil {
		return nil, &failure.UsageError{Err: err}
	}
	for _, url := range asked.Dests {
		d, err := c.Resolve(url, env)
		if err != nil {
			return nil, &failure.UsageError{Err: err}
		}
		m, err := config.Map(source, d, asked.Recursive, d.IsDir())
		if err != nil {
			return nil, &failure.UsageError{Err: err}
		}
		if i := slices.IndexFunc(p.mappings, func(other config.Mapping) bool { return other.SameDest(m) }); i >= 0 {
			return nil, &failure.UsageError{Err: fmt.Errorf("destinations %s and %s are the same: name each once", asked.Dests[i], url)}
		}
		p.Source, p.Dests, p.mappings = m.Source, append(p.Dests, m.Dest), append(p.mappings, m)
		p.roots = append(p.roots, d)
	}
	return p, p.instruct(asked)
}

// instruct tells the stores what the user wants of them. The error is wrong
// usage: a store that cannot do it.
func (p *Places) instruct(asked Copy) error {
	p.Source.Config.Symlinks, p.Source.Config.RequesterPays = asked.Symlinks, asked.RequesterPays
	if asked.Symlinks != "" && p.Source.Config.Type != "file" {
		return &failure.UsageError{Err: fmt.Errorf("--symlinks is for a source of files, %s is not", p.Source.URL)}
	}
	pays := chargeable(p.Source)
	for i := range p.Dests {
		d := &p.Dests[i]
		pays = pays || chargeable(*d)
		d.Config.StorageClasses, d.Config.KMSKey, d.Config.RequesterPays = asked.StorageClasses, asked.KMSKey, asked.RequesterPays
		switch {
		case asked.KMSKey != "" && d.Config.Type != "s3":
			return &failure.UsageError{Err: fmt.Errorf("--kms-key is for S3, %s is not", d.URL)}
		case len(asked.StorageClasses) > 0 && d.Config.Type == "file":
			return &failure.UsageError{Err: fmt.Errorf("--storage-class is for object stores, %s is not", d.URL)}
		}
	}
	if asked.RequesterPays && !pays {
		return &failure.UsageError{Err: errors.New("--requester-pays is for S3 and Cloud Storage, and neither is among the places given")}
	}
	return nil
}

// Suits refuses a path of which -r says something else than it is.
func (p *Places) Suits() error {
	if p.Source.Store != "file" {
		return nil
	}
	look := os.Stat
	if s := p.Source.Config.Symlinks; !p.asked.Recursive && (s == objstore.SymlinksCopy || s == objstore.SymlinksSkip) {
		look = os.Lstat // the link itself is what is named
	}
	info, err := look(filepath.Join(p.Source.Config.Bucket, p.Source.Key))
	switch {
	case err != nil: // listing it says why
		return nil
	case info.IsDir() && !p.asked.Recursive:
		return &failure.PreconditionError{Err: fmt.Errorf("%s is a directory", p.Source.URL), Hint: "add -r to take everything below it"}
	case !info.IsDir() && p.asked.Recursive:
		return &failure.PreconditionError{Err: fmt.Errorf("%s is no directory", p.Source.URL), Hint: "leave -r out to take this one object"}
	}
	return nil
}

// chargeable tells whether a store knows requesters that pay.
func chargeable(l config.Location) bool { return l.Config.Type == "s3" || l.Config.Type == "gcs" }

// Scope is what is listed at the source: all keys below a prefix, or one.
func (p *Places) Scope() (prefix, key string) {
	if p.asked.Recursive {
		return p.Source.Key, ""
	}
	return "", p.Source.Key
}

// Mappings tell what becomes of the source's keys, by destination.
func (p *Places) Mappings() []transfer.Mapping {
	maps := make([]transfer.Mapping, len(p.mappings))
	for i, m := range p.mappings {
		maps[i] = mapping(m, p.asked.Filters)
	}
	return maps
}

// Omitted is what the listing of the source met that can be no object.
func (p *Places) Omitted() []string {
	o, ok := p.SourceBucket.(objstore.Omitter)
	if !ok {
		return nil
	}
	var warnings []string
	for _, what := range o.Omitted() {
		warnings = append(warnings, p.Source.URL+": "+what)
	}
	return warnings
}

// Open opens the buckets for this process and sees that they answer.
func (p *Places) Open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	var about objstore.About
	if p.SourceBucket, about, err = OpenSource(ctx, p.Source); err != nil {
		return err
	}
	p.Warnings = append(p.Warnings, about.Hidden...)
	p.Source.Locate(about.Regions)
	for i := range p.Dests {
		b, about, err := openDest(ctx, p.Dests[i], p.roots[i])
		if err != nil {
			return err
		}
		p.DestBuckets, p.Warnings = append(p.DestBuckets, b), append(p.Warnings, about.Warnings...)
		p.Dests[i].Locate(about.Regions)
	}
	return p.settle()
}

// settle gives a bucket that is equally near to everywhere the regions of what
// it is copied from or to, and sees that every bucket is somewhere.
func (p *Places) settle() error {
	all := []*config.Location{&p.Source}
	for i := range p.Dests {
		all = append(all, &p.Dests[i])
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
			return &failure.PreconditionError{Err: fmt.Errorf("%s: the store does not say where the bucket is", l.URL), Hint: l.RegionHint()}
		}
	}
	return nil
}

// Essential tells whether the transfer has no other region for one of its ends.
func (p *Places) Essential(r region.Region) bool {
	if slices.Equal(p.Source.Regions, []region.Region{r}) {
		return true
	}
	for _, d := range p.Dests {
		if slices.Equal(d.Regions, []region.Region{r}) {
			return true
		}
	}
	return false
}

// OpenSource opens a bucket to read from, and sees that it answers.
func OpenSource(ctx context.Context, l config.Location) (objstore.Bucket, objstore.About, error) {
	b, err := openBucket(ctx, l)
	if err != nil {
		return nil, objstore.About{}, err
	}
	about, err := b.Check(ctx)
	if err != nil {
		return nil, about, errors.Join(Refused(err, l), b.Close())
	}
	return b, about, nil
}

// openDest opens a bucket to write to, and sees that it can be: root is what
// the user named as the bucket. A prefix of files is a bucket of its own, which
// is made when it is written, as is a path of this workstation.
func openDest(ctx context.Context, l, root config.Location) (b objstore.Bucket, about objstore.About, err error) {
	if b, err = openBucket(ctx, l); err != nil {
		return nil, about, err
	}
	switch {
	case root.Store == "file":
		if err := makeable(l.Config.Bucket); err != nil {
			return nil, about, errors.Join(&failure.PreconditionError{Err: err, Hint: "make it writable, or name another destination than " + l.URL}, b.Close())
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
		return nil, about, errors.Join(Refused(err, l), b.Close())
	}
	return b, about, nil
}

func openBucket(ctx context.Context, l config.Location) (objstore.Bucket, error) {
	b, err := open.Open(ctx, l.Config)
	if err != nil {
		err = fmt.Errorf("%s: %w", l.URL, err)
		if objstore.KindOf(err) == objstore.KindInvalid { // nothing was contacted to know that
			return nil, &failure.UsageError{Err: err}
		}
		return nil, &failure.PreconditionError{Err: err}
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

// Refused is a store that refused, with what to do about it.
func Refused(err error, l config.Location) error {
	return &failure.PreconditionError{Err: err, Hint: hintFor(err, l)}
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

// Close closes what is open.
func (p *Places) Close() error {
	var errs []error
	for _, b := range append(p.DestBuckets, p.SourceBucket) {
		if b != nil {
			errs = append(errs, b.Close())
		}
	}
	return errors.Join(errs...)
}
