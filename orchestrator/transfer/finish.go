package transfer

import (
	"context"
	"fmt"

	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/journal"
)

// maxRestarts is how often an object is read again from its start because what
// arrived is not what was read.
const maxRestarts = 2

// stageCommit is journal.Failure.Stage of an object whose chunks all arrived.
const stageCommit = "commit"

// notAsWritten are the answers to Commit that reading the object once more may
// cure: the upload vanished, or its parts are not what they should be.
var notAsWritten = []objstore.Kind{
	objstore.KindNotFound, objstore.KindPrecondition, objstore.KindInvalid, objstore.KindCorrupt,
}

// settle does what is due for an object after anything happened to it.
func (s *scheduler) settle(o *object) {
	if o.closed || s.stopped != nil {
		return
	}
	for _, d := range o.deliveries {
		if d.state == journal.Staged && d.parts != nil && d.missing == 0 && !d.commits && !o.restart {
			s.commit(o, d)
		}
	}
	s.enqueue(o)
	if o.inFlight > 0 || o.calls > 0 {
		return
	}
	if o.restart {
		s.startOver(o)
		return
	}
	final := true
	for _, d := range o.deliveries {
		if d.state == journal.Failed && d.upload != nil {
			s.abort(o, o.number, d.dest, *d.upload, func(error) { d.upload = nil })
		}
		final = final && d.state.Final() && d.upload == nil
	}
	if final {
		o.closed = true
		s.advance(o, o.chunks())
		s.open--
		if !o.failed {
			s.emit(Event{Kind: EventObject, Key: o.key, Bytes: o.size})
		}
	}
}

// commit makes a delivery visible whose parts are all acknowledged.
func (s *scheduler) commit(o *object, d *delivery) {
	digest := o.digest()
	if o.crc32c != nil && digest != *o.crc32c {
		err := fmt.Errorf("what was read has CRC32C %v, the source says %v", digest, *o.crc32c)
		s.redo(o, d, &objstore.Error{Op: "read", Key: o.key, Kind: objstore.KindCorrupt, Err: err})
		return
	}
	d.commits = true
	var done control.Committed
	req := control.CommitRequest{Store: s.cfg.Dests[d.dest].Store, Upload: *d.upload, Parts: o.refs(d), Digest: digest}
	s.call(&call{
		what: "the destination", obj: o, dest: &d.dest, finals: notAsWritten,
		do: func(ctx context.Context, api control.API) (err error) {
			// After a commit the store has no parts that a resume could find.
			if err := s.cfg.Journal.Flush(ctx); err != nil {
				return err
			}
			done, err = api.Commit(ctx, req)
			return err
		},
		then: func(err error) {
			d.commits = false
			if err != nil {
				s.redo(o, d, err)
				return
			}
			d.upload = nil
			s.delivered(o, d, journal.Delivered{Digest: digest, Verified: string(done.Verified), Staged: true, Lost: done.Lost})
		},
	})
}

// delivered records a delivery that is whole and checked.
func (s *scheduler) delivered(o *object, d *delivery, what journal.Delivered) {
	d.state = journal.Done
	s.worked[d.dest] = s.clock.mark()
	s.record(s.cfg.Journal.Deliver(o.number, d.dest, what))
}

// redo has the object read again from its start where that may help, and else
// gives up the delivery.
func (s *scheduler) redo(o *object, d *delivery, err error) {
	kind := objstore.KindOf(err)
	for _, k := range notAsWritten {
		if k == kind && o.restarts < maxRestarts {
			if !o.restart {
				o.restart = true
				o.restarts++
				s.advance(o, o.chunks())
				s.record(s.cfg.Journal.Count(journal.CounterRetries, int64(o.chunks())))
				s.emit(Event{Kind: EventAnew, Key: o.key, Bytes: o.size * int64(o.unfinished()), Error: err.Error()})
			}
			return
		}
	}
	s.failDelivery(o, d, failed(stageCommit, err))
}

// startOver starts an object over, when nothing of it is under way.
func (s *scheduler) startOver(o *object) {
	o.restart, o.queued = false, false
	o.floor = o.attempts
	clear(o.known)
	s.rewind(o)
	for _, d := range o.deliveries {
		if d.state.Final() {
			continue
		}
		d.parts = nil
		s.abort(o, o.number, d.dest, *d.upload, func(err error) {
			if err != nil {
				s.failDelivery(o, d, failed(control.StageWrite, err))
			}
			d.upload = nil
			if !d.state.Final() {
				d.state = journal.Pending
				s.begin(o, d)
			}
		})
	}
}

// abort gives up the staged write of a delivery, then calls next. Where the
// store does not let it, the journal keeps the upload for Cancel. The object
// need not be in memory.
func (s *scheduler) abort(o *object, number int64, dest route.Dest, up objstore.Upload, next func(error)) {
	req := control.UploadRequest{Store: s.cfg.Dests[dest].Store, Upload: up}
	s.call(&call{
		what: "the destination", obj: o, dest: &dest, limit: s.cfg.Health.Calls, tidies: true,
		do: func(ctx context.Context, api control.API) error { return api.Abort(ctx, req) },
		then: func(err error) {
			if err != nil {
				s.emit(Event{Kind: EventLeftover, Key: up.Key, Dest: dest, Error: err.Error()})
			} else {
				s.record(s.cfg.Journal.Unstage(number, dest))
			}
			next(err)
		},
	})
}

// failObject gives up all deliveries of an object that are not final.
func (s *scheduler) failObject(o *object, f journal.Failure) {
	for _, d := range o.deliveries {
		if !d.state.Final() {
			s.failDelivery(o, d, f)
		}
	}
}

// failDelivery gives up one delivery. settle aborts what is staged of it.
func (s *scheduler) failDelivery(o *object, d *delivery, f journal.Failure) {
	if s.stopped != nil {
		return
	}
	d.state = journal.Failed
	o.failed = true
	s.record(s.cfg.Journal.Fail(o.number, d.dest, f))
	s.emit(Event{Kind: EventFailed, Key: o.key, Dest: d.dest, Error: f.Message})
	for _, other := range o.deliveries {
		if !other.state.Final() {
			return
		}
	}
	s.advance(o, o.chunks())
}
