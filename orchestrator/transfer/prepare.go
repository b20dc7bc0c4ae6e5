package transfer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// errChanged is why an object fails whose source is not what was listed.
var errChanged = errors.New("the source changed since it was listed; plan the run again")

// prepare opens an object of several chunks: asks the source for its metadata
// and checksum, then begins its staged writes or goes on with those of an
// earlier session.
func (s *scheduler) prepare(o *object) {
	var stat objstore.Object
	s.call(&call{
		what: "the source", obj: o, limit: s.cfg.Health.Calls,
		do: func(ctx context.Context, _ control.API) (err error) {
			stat, err = s.cfg.Stat(ctx, o.key)
			return err
		},
		then: func(err error) {
			if err == nil && (stat.Size != o.size || stat.Version != o.version) {
				err = &objstore.Error{Op: "stat", Key: o.key, Kind: objstore.KindPrecondition, Err: errChanged}
			}
			if err != nil {
				s.failObject(o, failed(control.StageRead, err))
				return
			}
			if stat.CRC32C != nil {
				o.crc32c = stat.CRC32C
			}
			o.metadata, o.lost = stat.Metadata, stat.Lost
			for _, d := range o.deliveries {
				if d.upload != nil {
					s.takeUp(o, d)
				} else {
					s.begin(o, d)
				}
			}
		},
	})
}

// begin begins the staged write of d. Whatever an earlier try may have begun
// without anybody learning of it is aborted first.
func (s *scheduler) begin(o *object, d *delivery) {
	var begun control.Begun
	store, doubtful := s.cfg.Dests[d.dest].Store, d.doubtful
	s.call(&call{
		what: "the destination", obj: o, dest: &d.dest, limit: s.cfg.Health.Calls,
		do: func(ctx context.Context, api control.API) (err error) {
			// From here on a crash leaves a record that the object was opened.
			if err := s.cfg.Journal.Flush(ctx); err != nil {
				return err
			}
			if doubtful {
				if err := abortUnknown(ctx, api, store, d.key, o.opened); err != nil {
					return err
				}
			}
			doubtful = true
			begun, err = api.Begin(ctx, control.BeginRequest{Store: store, Key: d.key, Size: o.size, Metadata: o.metadata})
			return err
		},
		then: func(err error) {
			d.doubtful = false
			if err != nil {
				s.failDelivery(o, d, failed(control.StageWrite, err))
				if objstore.KindOf(err).Retryable() {
					s.forget(o, d)
				}
				return
			}
			up := begun.Upload
			s.record(s.cfg.Journal.Stage(o.number, d.dest, up, begun.Lost|o.lost))
			if d.state.Final() { // it failed with its object meanwhile: settle aborts it
				d.upload = &up
				return
			}
			d.stage(up, o.chunks())
		},
	})
}

// abortUnknown aborts the staged writes of key that were begun since the object
// was opened. Only for a delivery none of whose staged writes is recorded.
func abortUnknown(ctx context.Context, api control.API, store, key string, opened time.Time) error {
	uploads, err := api.Uploads(ctx, control.UploadsRequest{Store: store, Key: key, Since: opened})
	if objstore.KindOf(err) == objstore.KindUnsupported {
		return nil
	}
	for _, up := range uploads {
		if err == nil {
			err = api.Abort(ctx, control.UploadRequest{Store: store, Upload: up})
		}
	}
	return err
}

// forget aborts what a Begin without a clear answer may have left behind.
func (s *scheduler) forget(o *object, d *delivery) {
	store := s.cfg.Dests[d.dest].Store
	s.call(&call{
		what: "the destination", obj: o, dest: &d.dest, limit: s.cfg.Health.Calls, tidies: true,
		do: func(ctx context.Context, api control.API) error {
			return abortUnknown(ctx, api, store, d.key, o.opened)
		},
		then: func(err error) {
			if err != nil {
				s.emit(Event{Kind: EventLeftover, Key: d.key, Dest: d.dest, Error: err.Error()})
			}
		},
	})
}

// takeUp goes on with the staged write that an earlier session began: with the
// chunks that the journal and the store agree on.
func (s *scheduler) takeUp(o *object, d *delivery) {
	var have, found []journal.Chunk
	var journaled int
	var gone bool
	var broken error
	up, store := *d.upload, s.cfg.Dests[d.dest].Store
	s.call(&call{
		what: "the destination", obj: o, dest: &d.dest, limit: s.cfg.Health.Calls,
		do: func(ctx context.Context, api control.API) error {
			have, broken = s.cfg.Journal.Chunks(ctx, o.number, d.dest)
			journaled = len(have)
			if broken != nil || len(have) == int(o.chunks()) {
				return nil // complete: Commit knows whether it was committed already
			}
			parts, err := api.Parts(ctx, control.UploadRequest{Store: store, Upload: up})
			switch {
			case objstore.KindOf(err) == objstore.KindNotFound:
				gone, have = true, nil
				return nil
			case objstore.KindOf(err) == objstore.KindUnsupported:
				return nil
			case err != nil:
				return err
			}
			have, found = agree(o, d, have, parts)
			return nil
		},
		then: func(err error) {
			s.resumed += int64(len(have) + len(found) - journaled)
			switch {
			case broken != nil:
				s.interrupt("the journal cannot be read", broken)
			case err != nil:
				s.failDelivery(o, d, failed(control.StageWrite, err))
			case d.state.Final(): // it failed with its object meanwhile
			case gone:
				d.state, d.upload = journal.Pending, nil
				s.record(s.cfg.Journal.Unstage(o.number, d.dest))
				s.begin(o, d)
			default:
				s.adopt(o, d, up, have, found)
			}
		},
	})
}

// adopt makes d staged with the chunks that it has, and journals those of which
// the store alone knew.
func (s *scheduler) adopt(o *object, d *delivery, up objstore.Upload, have, found []journal.Chunk) {
	d.stage(up, o.chunks())
	// A chunk that reads differently than for another destination is sent again
	// to this one; then it fails as corrupt if it still does.
	for _, c := range have {
		if int(c.Index) < len(d.parts) {
			o.have(d, c.Index, c.Digest, c.Token)
		}
	}
	for _, c := range found {
		if int(c.Index) >= len(d.parts) || !o.have(d, c.Index, c.Digest, c.Token) {
			continue
		}
		s.record(s.cfg.Journal.AddChunk(c))
		if key, ok := s.likeliest(d.dest); ok {
			s.record(s.cfg.Journal.CountRoute(key, o.rng(c.Index).Length))
		}
	}
}

// likeliest is the route that most of what goes to a destination takes: what is
// counted for a chunk of which nobody knows any more how it came.
func (s *scheduler) likeliest(dest route.Dest) (key journal.RouteKey, ok bool) {
	most := 0.0
	for _, r := range s.readers {
		for _, rt := range r.routes {
			if rt.Weight > most && slices.Contains(rt.Tree.Dests(), dest) {
				key, most, ok = journal.RouteKey{Reader: r.gateway.name, Route: rt.ID, Dest: dest}, rt.Weight, true
			}
		}
	}
	return key, ok
}

// agree returns the chunks of d that the store has, with the tokens that it
// knows them by: those that were journaled, unless the store has something
// else by now, and those whose acknowledgement was lost, if the store says
// what they are.
//
// It is called outside the loop and only reads what never changes.
func agree(o *object, d *delivery, journaled []journal.Chunk, stored []objstore.PartRef) (have, found []journal.Chunk) {
	known := map[int32]journal.Chunk{}
	for _, c := range journaled {
		known[c.Index] = c
	}
	for _, p := range stored {
		if p.Number < 0 || p.Number >= o.chunks() || p.Size != o.rng(p.Number).Length {
			continue
		}
		c, ok := known[p.Number]
		switch {
		case ok && p.Digest != nil && *p.Digest == c.Digest, ok && p.Digest == nil && p.Token == c.Token:
			c.Token = p.Token
			have = append(have, c)
		case !ok && p.Digest != nil:
			found = append(found, journal.Chunk{Object: o.number, Dest: d.dest, Index: p.Number, Digest: *p.Digest, Token: p.Token})
		}
	}
	return have, found
}

// enqueue gives the object to the dispatcher, once, when every delivery that has
// not failed takes parts. The last thing that is waited for may be a success or
// a failure: settle calls it after both.
func (s *scheduler) enqueue(o *object) {
	if o.whole || o.queued || o.restart {
		return
	}
	wanted := false
	for _, d := range o.deliveries {
		if d.state.Final() {
			continue
		}
		if d.parts == nil {
			return
		}
		wanted = true
	}
	if wanted {
		o.queued = true
		s.queue = append(s.queue, o)
	}
}

// failed turns an error of a store or gateway into a journal entry.
func failed(stage control.Stage, err error) journal.Failure {
	return journal.Failure{Stage: string(stage), Kind: objstore.KindOf(err), Message: err.Error()}
}
