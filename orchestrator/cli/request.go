package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/places"
	"github.com/skyctl/skyctl/orchestrator/planner"
	"github.com/skyctl/skyctl/orchestrator/quote"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// transferFlags say what to transfer and how: the arguments of every command
// that plans.
type transferFlags struct {
	Source string   `arg:"" name:"src" help:"Where the objects are: s3://BUCKET/KEY, STORE://BUCKET/KEY of a configured store, or a path."`
	Dests  []string `arg:"" name:"dst" help:"Where they are to go; several get the same. A bucket, an existing directory, and what ends in / keep the name of an object; else DST is its new key."`

	Recursive bool `short:"r" help:"SRC is a directory: everything below it, appended to DST."`

	Include patterns `placeholder:"GLOB" help:"Take keys that match, relative to SRC. The first of all --include and --exclude that matches decides; a key that none matches is taken, unless the first is an --include. For -r."`
	Exclude patterns `placeholder:"GLOB" help:"Leave out keys that match."`

	goalFlags

	ChunkSize *unit.Bytes `placeholder:"SIZE" help:"Size of the chunks that objects are split into, such as 16MiB. By default it depends on size and routes."`
	BWLimit   *unit.Gbps  `name:"bwlimit" placeholder:"RATE" help:"Read at most at this rate, all gateways together, such as 100Mbps."`
	Transport string      `enum:"auto,quic,tls" default:"auto" help:"How gateways reach each other. quic: over UDP. tls: over TCP, for a fraction of the processor time. auto: both are tried at the start."`
	Compress  string      `enum:"auto,always,never" default:"auto" help:"Compress chunks that shrink. auto: where the egress saved is worth more than the work."`
	Verify    string      `enum:"auto,read" default:"auto" help:"auto: compare the store's checksum, else read back. read: always read back."`

	Symlinks      string         `enum:"skip,follow,copy," default:"" help:"What becomes of symbolic links below a path: left out, what they point to (the default), or links again where the destination can keep them."`
	StorageClass  storageClasses `placeholder:"[SRC=]CLASS" help:"Write objects with this storage class; SRC=CLASS only those that have class SRC. May be repeated."`
	KMSKey        string         `name:"kms-key" placeholder:"KEY" help:"Have S3 encrypt what is written with this KMS key."`
	RequesterPays bool           `help:"Pay for requests and traffic of buckets whose owner does not."`
}

// goalFlags say what is asked of the plan: of every command that solves.
type goalFlags struct {
	MinThroughput *unit.Gbps     `placeholder:"RATE" help:"Plan for exactly this rate, such as 2.5Gbps."`
	MaxCost       *unit.USD      `placeholder:"USD" help:"Stay within this total cost, in the plan and, retries included, while it is carried out."`
	MaxTime       *time.Duration `placeholder:"DURATION" help:"Plan to be done within this time, such as 20m, provisioning included."`
	Gateways      *int           `placeholder:"N" help:"At most N gateways a region, and use them; 0: none, skyctl moves the bytes itself."`
	Route         planner.Mode   `enum:"direct,overlay" default:"overlay" help:"direct: no relay regions. overlay: over relays where they help."`
}

// goals are what the flags ask for. Values that no plan can be about are refused:
// a goal of 0 would be none.
func (f *goalFlags) goals() (quote.Goals, error) {
	g := quote.Goals{MaxCost: f.MaxCost, Mode: f.Route, Gateways: f.Gateways}
	switch {
	case f.Gateways != nil && *f.Gateways < 0:
		return g, wrongUsage("--gateways is a number from 0")
	case f.MaxTime != nil && *f.MaxTime <= 0:
		return g, wrongUsage("--max-time is a time from now, more than 0s")
	case f.MinThroughput != nil && *f.MinThroughput == 0:
		return g, wrongUsage("--min-throughput is a rate above 0")
	}
	if f.MaxTime != nil {
		g.MaxTime = *f.MaxTime
	}
	if f.MinThroughput != nil {
		g.MinThroughput = *f.MinThroughput
	}
	return g, nil
}

// request is what the flags ask for.
func (f *transferFlags) request() (orchestrator.Request, error) {
	goals, err := f.goals()
	if err != nil {
		return orchestrator.Request{}, err
	}
	limit, err := f.limit()
	if err != nil {
		return orchestrator.Request{}, err
	}
	size, err := f.chunkSize()
	if err != nil {
		return orchestrator.Request{}, err
	}
	return orchestrator.Request{
		Copy: places.Copy{
			Source:         f.Source,
			Dests:          f.Dests,
			Recursive:      f.Recursive,
			Filters:        filters(f.Include, f.Exclude),
			Symlinks:       objstore.Symlinks(f.Symlinks),
			StorageClasses: f.StorageClass,
			KMSKey:         f.KMSKey,
			RequesterPays:  f.RequesterPays,
		},
		Goals:     goals,
		ChunkSize: size,
		BWLimit:   limit,
		Verify:    control.Verify(f.Verify),
		Transport: f.Transport,
		Compress:  f.Compress,
	}, nil
}

// chunkSize is --chunk-size, 0 if it is not given.
func (f *transferFlags) chunkSize() (unit.Bytes, error) {
	switch {
	case f.ChunkSize == nil:
		return 0, nil
	case *f.ChunkSize == 0:
		return 0, wrongUsage("--chunk-size is a size above 0B")
	}
	return *f.ChunkSize, nil
}

// leastLimit keeps chunks moving: a gateway that gets no frame of a chunk for
// minutes gives it up.
const leastLimit unit.Gbps = 0.001

// limit is --bwlimit, 0 if it is not given.
func (f *transferFlags) limit() (unit.Gbps, error) {
	switch {
	case f.BWLimit == nil:
		return 0, nil
	case *f.BWLimit < leastLimit:
		return 0, wrongUsage(fmt.Sprintf("--bwlimit is at least %s", leastLimit))
	}
	return *f.BWLimit, nil
}

// storageClasses are the occurrences of --storage-class: the class to write, by
// that of the source, "*" for any other.
type storageClasses map[string]string

// Decode takes one more occurrence.
func (s *storageClasses) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("class", &text); err != nil {
		return err
	}
	from, to, mapped := strings.Cut(text, "=")
	if !mapped {
		from, to = "*", text
	}
	if from == "" || to == "" {
		return fmt.Errorf("%q is neither CLASS nor SRC=CLASS", text)
	}
	if was, ok := (*s)[from]; ok && was != to {
		return fmt.Errorf("objects of class %s cannot get both %s and %s", from, was, to)
	}
	if *s == nil {
		*s = storageClasses{}
	}
	(*s)[from] = to
	return nil
}

func wrongUsage(what string) error {
	return &orchestrator.UsageError{Err: errors.New(what)}
}

// patterns are the occurrences of one flag of --include and --exclude.
type patterns []pattern

type pattern struct {
	glob string
	rest int // arguments that follow: what orders the occurrences of two flags
}

// Decode takes one more occurrence. Kong calls it for each; a glob is taken as
// it is, commas and all.
func (p *patterns) Decode(ctx *kong.DecodeContext) error {
	var glob string
	if err := ctx.Scan.PopValueInto("glob", &glob); err != nil {
		return err
	}
	*p = append(*p, pattern{glob, ctx.Scan.Len()})
	return nil
}

// filters puts the occurrences of both flags in the order in which they were
// given. Includes from the environment come before excludes from there.
func filters(include, exclude patterns) []places.Filter {
	type ordered struct {
		places.Filter
		rest int
	}
	var all []ordered
	for _, p := range include {
		all = append(all, ordered{places.Filter{Pattern: p.glob}, p.rest})
	}
	for _, p := range exclude {
		all = append(all, ordered{places.Filter{Pattern: p.glob, Exclude: true}, p.rest})
	}
	slices.SortStableFunc(all, func(a, b ordered) int { return b.rest - a.rest })
	var out []places.Filter
	for _, o := range all {
		out = append(out, o.Filter)
	}
	return out
}
