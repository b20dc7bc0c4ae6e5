package transfer

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// listedEvery is how many objects lie between two EventListed.
const listedEvery = 1000

// stageList is journal.Failure.Stage of an object that failed before anything
// was read.
const stageList = "list"

// Mapping gives a source key its key at a destination, as the configuration's
// path rules say. include is false for a key that is not wanted there. An
// error is that key's own: the delivery fails with it, and the listing goes
// on. An *objstore.Error keeps its kind, any other counts as KindInvalid.
type Mapping func(key string) (destKey string, include bool, err error)

// ListConfig is what List needs.
type ListConfig struct {
	Journal *journal.Journal
	Source  objstore.Bucket
	Prefix  string     // what to list
	Key     string     // or one exact key
	Dests   []ListDest // by route.Dest
	Events  func(Event)
}

// ListDest is a destination as a listing sees it.
type ListDest struct {
	Map    Mapping
	Limits objstore.Limits
}

// Listing is what List found.
type Listing struct {
	Objects     int64
	Bytes       int64
	Failed      int64 // of Objects, those that can go to no destination or not to all
	Fingerprint string
}

// List streams the listing of the source into the journal, in constant memory.
// A key that no destination wants is not listed at all; one that some do not
// want is skipped there.
//
// The listing counts only when it is complete; an earlier one is forgotten.
// Finding nothing is no error here. The error is the source's (an
// *objstore.Error) or the journal's.
func List(ctx context.Context, cfg ListConfig) (Listing, error) {
	if err := cfg.Journal.BeginListing(); err != nil {
		return Listing{}, err
	}
	l := lister{cfg: cfg, fingerprint: journal.NewFingerprint()}
	if err := walk(ctx, cfg.Source, cfg.Prefix, cfg.Key, l.add); err != nil {
		return Listing{}, err
	}
	l.found.Fingerprint = l.fingerprint.Sum()
	if err := cfg.Journal.EndListing(l.found.Fingerprint); err != nil {
		return Listing{}, err
	}
	l.progress()
	return l.found, cfg.Journal.Flush(ctx)
}

// Fingerprint lists the source as List does, without recording anything: a
// plan is stale when the result differs from Listing.Fingerprint.
func Fingerprint(ctx context.Context, source objstore.Bucket, prefix, key string, dests ...Mapping) (string, error) {
	f := journal.NewFingerprint()
	err := walk(ctx, source, prefix, key, func(o objstore.Object) error {
		for _, m := range dests {
			if _, include, err := m(o.Key); include || err != nil {
				f.Add(o.Key, o.Size, o.Version)
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return f.Sum(), nil
}

// listTries is how often one page of a listing is asked for.
const listTries = 4

// walk yields the object of that key, or every object below prefix. A listing
// that breaks off goes on behind the last object that it yielded.
func walk(ctx context.Context, source objstore.Bucket, prefix, key string, yield func(objstore.Object) error) error {
	if key != "" {
		o, err := source.Stat(ctx, key)
		if err != nil {
			return err
		}
		return yield(o)
	}
	last, more := "", true
	for more {
		var err error
		more, err = backoff.Retry(ctx, func() (more bool, _ error) {
			from := last
			var refused error
			err := source.List(ctx, prefix, last, func(o objstore.Object) error {
				if refused = yield(o); refused == nil {
					last = o.Key
				}
				return refused
			})
			switch {
			case err == nil:
				return false, nil
			case refused != nil, !objstore.KindOf(err).Retryable(), ctx.Err() != nil:
				return false, backoff.Permanent(err)
			case last != from:
				return true, nil
			case last == "" && objstore.KindOf(err) == objstore.KindUnreachable: // it was never there
				return false, backoff.Permanent(err)
			}
			return false, err
		}, backoff.WithMaxTries(listTries))
		if err != nil {
			return err
		}
	}
	return nil
}

type lister struct {
	cfg         ListConfig
	fingerprint *journal.Fingerprint
	found       Listing
}

func (l *lister) add(o objstore.Object) error {
	deliveries, wanted := l.deliveries(o)
	if !wanted {
		return nil
	}
	for _, d := range deliveries {
		if d.State == journal.Failed {
			l.found.Failed++
			break
		}
	}
	l.fingerprint.Add(o.Key, o.Size, o.Version)
	err := l.cfg.Journal.AddObject(journal.Object{
		Number: l.found.Objects, Key: o.Key, Size: o.Size, Version: o.Version,
		Modified: o.Modified, CRC32C: o.CRC32C, Deliveries: deliveries,
	})
	if err != nil {
		return err
	}
	l.found.Objects++
	l.found.Bytes += o.Size
	if l.found.Objects%listedEvery == 0 {
		l.progress()
	}
	return nil
}

// deliveries says what becomes of the object at each destination, and whether
// any destination wants it.
func (l *lister) deliveries(o objstore.Object) (all []journal.Delivery, wanted bool) {
	var limits []objstore.Limits // of the destinations that can hold the object
	for i, d := range l.cfg.Dests {
		key, include, err := d.Map(o.Key)
		if err == nil && include {
			_, err = ObjectChunkSize(MinChunk, o.Size, d.Limits)
		}
		one := journal.Delivery{Dest: route.Dest(i), Key: key, State: journal.Pending}
		switch {
		case err != nil:
			refuse(&one, err)
		case include:
			limits = append(limits, d.Limits)
		default:
			one.State = journal.Skipped
		}
		wanted = wanted || one.State != journal.Skipped
		all = append(all, one)
	}
	// Chunks are shared by all destinations.
	if _, err := ObjectChunkSize(MinChunk, o.Size, limits...); err != nil {
		for i := range all {
			if all[i].State == journal.Pending {
				refuse(&all[i], err)
			}
		}
	}
	return all, wanted
}

// refuse fails a delivery before anything is read.
func refuse(d *journal.Delivery, err error) {
	d.State = journal.Failed
	d.Failure = &journal.Failure{Stage: stageList, Kind: kindOr(err, objstore.KindInvalid), Message: err.Error()}
}

func (l *lister) progress() {
	if l.cfg.Events != nil {
		l.cfg.Events(Event{Time: time.Now(), Kind: EventListed, Objects: l.found.Objects, Bytes: l.found.Bytes})
	}
}

// kindOr is the kind of an *objstore.Error in err's chain, else kind.
func kindOr(err error, kind objstore.Kind) objstore.Kind {
	if k := objstore.KindOf(err); k != objstore.KindUnknown {
		return k
	}
	return kind
}
