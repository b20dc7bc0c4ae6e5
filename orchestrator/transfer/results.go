package transfer

import (
	"context"
	"errors"
	"slices"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// errEnded stops a stream of results when the session is over.
var errEnded = errors.New("the session is over")

// follow streams a reader's results to the loop for as long as the gateway is
// the one that it was, from where an earlier stream broke off, at first behind
// after. It is a goroutine of its own.
func (s *scheduler) follow(ctx context.Context, r *reader, api control.API, epoch int, after uint64) {
	g := r.gateway
	for ctx.Err() == nil {
		err := s.persist(ctx, g, func() error {
			from := after
			err := api.Results(ctx, after, func(batch []control.Result) error {
				if len(batch) == 0 {
					return nil
				}
				batch = slices.Clone(batch) // the loop may be slower than the stream
				last := batch[len(batch)-1].Seq
				if !s.post(func() { s.received(r, batch, epoch, last) }) {
					return errEnded
				}
				after = last
				return nil
			})
			if after > from {
				return nil // it broke off, but it had worked: no failure to count
			}
			return err
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, errEnded) {
			s.post(func() {
				if g.epoch == epoch {
					s.lost(g, err)
				}
			})
			return
		}
	}
}

// received takes what a reader's stream of results has up to a number.
func (s *scheduler) received(r *reader, batch []control.Result, epoch int, last uint64) {
	if r.gateway.epoch == epoch {
		r.seq = last
	}
	s.acknowledged(r, batch)
}

// acknowledged takes a batch of results in the loop. Also those of a gateway
// that was lost count, until its chunks are given to another.
func (s *scheduler) acknowledged(r *reader, batch []control.Result) {
	r.gateway.moved()
	for _, res := range batch {
		t := r.out[attempt{res.Chunk, res.Attempt}]
		if t == nil || !t.answered(res.Dest) {
			continue // a duplicate, or of an earlier session
		}
		if res.Failure == nil {
			res.Failure = s.accept(t, res)
		}
		if res.Failure != nil {
			t.failed = append(t.failed, res)
		}
		if len(t.waiting) == 0 {
			delete(r.out, attempt{res.Chunk, res.Attempt})
			r.bytes -= t.rng().Length
			s.judge(t)
		}
	}
}

// accept records a chunk that is durable at a destination. It returns a
// failure if the acknowledgement contradicts what is known.
func (s *scheduler) accept(t *task, res control.Result) *control.Failure {
	o, d := t.obj, t.obj.at(res.Dest)
	if d == nil || o.restart {
		return nil // its object failed or is read again meanwhile
	}
	if res.Bytes != t.rng().Length {
		return corrupt("fewer or more bytes were written than the chunk has")
	}
	if o.whole {
		if o.crc32c != nil && *o.crc32c != res.Digest {
			return corrupt("what was read is not what the source's checksum says")
		}
		s.delivered(o, d, journal.Delivered{Digest: res.Digest, Verified: string(res.Verified), Lost: res.Lost})
	} else {
		if !o.have(d, t.index, res.Digest, res.Token) {
			return corrupt("the same bytes of the source read differently this time")
		}
		s.worked[d.dest] = s.clock.mark()
		s.record(s.cfg.Journal.AddChunk(journal.Chunk{Object: o.number, Dest: d.dest, Index: t.index, Digest: res.Digest, Token: res.Token}))
	}
	s.record(s.cfg.Journal.CountRoute(journal.RouteKey{Reader: t.reader.gateway.name, Route: res.Route, Dest: d.dest}, res.Bytes))
	t.reader.weighing.carried[res.Route] += res.Bytes
	t.reader.carried[res.Route] += res.Bytes
	s.arrived++
	s.emit(Event{Kind: EventChunk, Key: o.key, Dest: d.dest, Bytes: res.Bytes, Gateway: t.reader.gateway.name, Route: res.Route})
	return nil
}

func corrupt(message string) *control.Failure {
	return &control.Failure{Stage: control.StageRead, Kind: objstore.KindCorrupt, Message: message}
}
