package relay

import (
	"context"
	"errors"
	"sync"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// errAllFailed: no branch takes more of this chunk.
var errAllFailed = errors.New("every branch failed")

// Fan is one chunk on its way out of this gateway, to all branches at once.
// Its methods are called in order: Data, then End or Abort, then Acks, and
// Release always.
type Fan struct {
	h        *wire.Header
	branches []branch
	failed   []error // by branch
	left     int     // branches that have not failed
}

// branch is one way on: a child gateway or a destination written here.
type branch interface {
	dests() []route.Dest
	data(raw []byte) error
	end(d chunk.Digest) error
	abort(why wire.Failure)
	// acks waits for the branch's destinations and answers for each. cause is
	// the error that the branch returned before, if any.
	acks(cause error, yield func(wire.Ack))
	release()
}

// Fan opens the way on for a chunk whose route starts at this gateway. A
// branch that cannot be opened counts as failed.
func (r *Relay) Fan(ctx context.Context, h *wire.Header) *Fan {
	f := &Fan{h: h}
	add := func(b branch, err error) {
		f.branches = append(f.branches, b)
		f.failed = append(f.failed, err)
		if err == nil {
			f.left++
		}
	}
	if len(h.Route.Writes) > 0 {
		block, err := wire.ParseDests(h.Dests)
		for _, number := range h.Route.Writes {
			b := &local{self: r.cfg.Self, h: h, number: number}
			if err == nil {
				err = b.open(ctx, r.cfg.Sink, &block)
			}
			add(b, err)
		}
	}
	for i := range h.Route.Children {
		b := &child{relay: r, h: h, node: &h.Route.Children[i]}
		add(b, b.open(ctx))
	}
	return f
}

// Data passes a data frame on. It fails only when no branch is left.
func (f *Fan) Data(raw []byte) error {
	return f.each(func(b branch) error { return b.data(raw) })
}

// End passes the end mark on.
func (f *Fan) End(d chunk.Digest) {
	// That all branches failed shows in their acknowledgements.
	_ = f.each(func(b branch) error { return b.end(d) })
}

// Abort tells every branch that the chunk is given up.
func (f *Fan) Abort(why wire.Failure) {
	for i, b := range f.branches {
		if f.failed[i] == nil {
			b.abort(why)
			f.failed[i] = errors.New(why.Message)
		}
	}
	f.left = 0
}

func (f *Fan) each(do func(branch) error) error {
	for i, b := range f.branches {
		if f.failed[i] != nil {
			continue
		}
		if err := do(b); err != nil {
			f.failed[i] = err
			f.left--
		}
	}
	if f.left == 0 {
		return errAllFailed
	}
	return nil
}

// Acks yields one acknowledgement for every destination of the chunk, each as
// soon as it is known, and closes the channel.
func (f *Fan) Acks() <-chan wire.Ack {
	acks := make(chan wire.Ack, route.MaxNodes)
	collect := func(i int) {
		b := f.branches[i]
		open := b.dests()
		b.acks(f.failed[i], func(a wire.Ack) {
			for j, d := range open {
				if d == a.Dest {
					open = append(open[:j], open[j+1:]...)
					a.Chunk, a.Attempt = f.h.Chunk, f.h.Attempt
					acks <- a
					return
				}
			}
		})
		for _, d := range open { // the branch did not answer for it
			acks <- wire.Ack{Chunk: f.h.Chunk, Attempt: f.h.Attempt, Dest: d, Failure: &wire.Failure{
				Stage: wire.StageRoute, Kind: objstore.KindTransient, Message: "not acknowledged"}}
		}
	}
	if len(f.branches) == 1 { // the common case needs no goroutine
		collect(0)
		close(acks)
		return acks
	}
	var wg sync.WaitGroup
	for i := range f.branches {
		wg.Go(func() { collect(i) })
	}
	go func() { // ends with the branches, which their deadlines bound
		wg.Wait()
		close(acks)
	}()
	return acks
}

// Release lets go of all streams and parts.
func (f *Fan) Release() {
	for _, b := range f.branches {
		b.release()
	}
}
