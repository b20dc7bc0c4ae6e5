package relay

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/codec"
	"github.com/skyctl/skyctl/agent/wire"
)

// errAllFailed: no branch takes more of this chunk.
var errAllFailed = errors.New("every branch failed")

// Fan is one chunk on its way out of this gateway, to all branches at once.
// Its methods are called in order: Data, then End or Abort, then Acks (not
// after Abort), and Release always.
type Fan struct {
	h        *wire.Header
	decoder  *codec.Decoder // nil where nothing is written here, or all is plain
	branches []branch
	failed   []error // by branch
	left     int     // branches that have not failed
}

// branch is one way on: a child gateway or a destination written here.
type branch interface {
	// open prepares for the chunk. It may wait for seconds.
	open(ctx context.Context) error
	// data takes a frame as it travels, and the plain bytes in it where the
	// branch is local.
	data(raw, plain []byte) error
	// end takes the digest as it travels.
	end(d chunk.Digest) error
	abort(why wire.Failure)
	// acks waits for the branch's destinations and answers for each, once.
	// cause is the error that the branch returned before, if any.
	acks(cause error, yield func(wire.Ack))
	release()
}

// Fan opens the way on for a chunk whose route starts at this gateway. dests
// is the parsed h.Dests, and nil where the route writes nothing here. A branch
// that cannot be opened, or whose payload cannot be read, counts as failed.
func (r *Relay) Fan(ctx context.Context, h *wire.Header, dests *wire.Dests) *Fan {
	return r.fan(ctx, h, dests, false)
}

// fan is Fan, also for a chunk that came from another gateway.
func (r *Relay) fan(ctx context.Context, h *wire.Header, dests *wire.Dests, relayed bool) *Fan {
	f := &Fan{h: h}
	var unreadable error
	if len(h.Route.Writes) > 0 && h.Codec != wire.CodecPlain {
		f.decoder, unreadable = codec.NewDecoder(h, r.cfg.Key())
	}
	for _, number := range h.Route.Writes {
		f.branches = append(f.branches, &local{relay: r, h: h, block: dests, number: number})
	}
	for i := range h.Route.Children {
		f.branches = append(f.branches, &child{relay: r, h: h, node: &h.Route.Children[i], relayed: relayed})
	}
	f.failed = make([]error, len(f.branches))
	open := func(i int) {
		if f.failed[i] = unreadable; unreadable == nil || !f.isLocal(i) {
			f.failed[i] = f.branches[i].open(ctx)
		}
	}
	var writing sync.WaitGroup
	for i := range h.Route.Writes {
		if len(f.branches) == 1 { // the common case needs no goroutine
			open(i)
			break
		}
		writing.Go(func() { open(i) })
	}
	for _, i := range f.inOrder() {
		open(i)
	}
	writing.Wait()
	for _, err := range f.failed {
		if err == nil {
			f.left++
		}
	}
	return f
}

// all does something for every branch and returns when it is done for all.
func (f *Fan) all(do func(i int)) {
	if len(f.branches) == 1 { // the common case needs no goroutine
		do(0)
		return
	}
	var wg sync.WaitGroup
	for i := range f.branches {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// Data passes a data frame on. It fails only when no branch is left.
func (f *Fan) Data(raw []byte) error {
	plain := raw[wire.HeadSize:]
	if f.decoder != nil {
		room := f.kept(f.decoder.Opened(plain))
		var err error
		if plain, err = f.decoder.Segment(plain, room); err != nil {
			f.failLocal(err)
		} else if len(room) > 0 && &plain[0] == &room[0] {
			return f.filled(len(plain))
		}
	}
	return f.each(func(b branch) error { return b.data(raw, plain) })
}

// take passes a data frame on whose body may be where room said.
func (f *Fan) take(frame *wire.Frame) error {
	if frame.Raw != nil {
		return f.Data(frame.Raw)
	}
	return f.filled(len(frame.Body))
}

// filled tells the only branch that n bytes are where kept said.
func (f *Fan) filled(n int) error {
	return f.each(func(b branch) error { return b.(*local).part.Filled(n) })
}

// room is where the body of the next data frame, of n bytes, is to be read to:
// where the part is kept, if the chunk is plain and goes nowhere else. Nil
// means anywhere.
func (f *Fan) room(n int) []byte {
	if f.h.Codec != wire.CodecPlain {
		return nil
	}
	return f.kept(n)
}

// kept is where the next n plain bytes are kept, if the chunk goes nowhere else;
// otherwise nil.
func (f *Fan) kept(n int) []byte {
	if n == 0 || len(f.branches) != 1 || f.left == 0 || !f.isLocal(0) {
		return nil
	}
	return f.branches[0].(*local).part.Room(n)
}

// inOrder returns the children by name. Where a connection carries one payload
// at a time, a chunk keeps the turn at one child while it waits for that at
// the next: all chunks of a gateway take their turns in one order, or two of
// them wait for each other.
func (f *Fan) inOrder() []int {
	var children []int
	for i := range f.branches {
		if !f.isLocal(i) {
			children = append(children, i)
		}
	}
	slices.SortFunc(children, func(a, b int) int {
		return cmp.Compare(f.branches[a].(*child).node.Gateway, f.branches[b].(*child).node.Gateway)
	})
	return children
}

func (f *Fan) isLocal(i int) bool {
	_, ok := f.branches[i].(*local)
	return ok
}

// failLocal fails the branches that are written here.
func (f *Fan) failLocal(why error) {
	for i := range f.branches {
		if f.isLocal(i) && f.failed[i] == nil {
			f.failed[i] = why
			f.left--
		}
	}
	f.decoder = nil
}

// End passes the end mark on.
func (f *Fan) End(d chunk.Digest) {
	plain := d
	if f.decoder != nil {
		var err error
		if plain, err = f.decoder.End(d); err != nil {
			f.failLocal(err)
		}
	}
	// That all branches failed shows in their acknowledgements.
	_ = f.each(func(b branch) error {
		if _, ok := b.(*local); ok {
			return b.end(plain)
		}
		return b.end(d)
	})
}

// Abort tells every branch that the chunk is given up.
func (f *Fan) Abort(why wire.Failure) {
	f.all(func(i int) {
		if f.failed[i] == nil {
			f.branches[i].abort(why)
		}
	})
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
// soon as it is known and one at a time, and returns when all are.
func (f *Fan) Acks(yield func(wire.Ack)) {
	var mu sync.Mutex
	f.all(func(i int) {
		f.branches[i].acks(f.failed[i], func(a wire.Ack) {
			mu.Lock()
			defer mu.Unlock()
			a.Chunk, a.Attempt = f.h.Chunk, f.h.Attempt
			yield(a)
		})
	})
}

// Release lets go of all streams and parts.
func (f *Fan) Release() {
	for _, b := range f.branches {
		b.release()
	}
}
