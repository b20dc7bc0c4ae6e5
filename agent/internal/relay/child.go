package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// child is the next gateway of a route. The header waits in pending for the
// first frame of payload, so that a small chunk is one write.
type child struct {
	relay   *Relay
	h       *wire.Header
	node    *route.Node
	relayed bool // the chunk came from another gateway
	stream  Stream
	stop    func() bool // undoes the interruption of stream by its context
	pending *[]byte     // nil when nothing waits to be sent any more
	used    int         // bytes of pending
}

func (c *child) open(ctx context.Context) error {
	s, err := c.relay.cfg.Open(ctx, c.node.Gateway, link.Leg{Height: c.h.Route.Height(), Relayed: c.relayed})
	if err != nil {
		return err
	}
	c.stream, c.stop = s, context.AfterFunc(ctx, s.Interrupt)
	h := *c.h
	h.Route = *c.node
	c.pending = Buffer()
	c.used = len(h.Append((*c.pending)[:0]))
	if c.used > wire.HeadSize+wire.MaxHeader {
		c.used = 0
		return &objstore.Error{Op: "send", Kind: objstore.KindInvalid,
			Err: fmt.Errorf("keys, upload ids and metadata make a header over the limit of %d bytes", wire.MaxHeader)}
	}
	if c.relay.eager(c.h) {
		return c.flush()
	}
	return nil
}

// eager: a chunk that will not fit behind its header goes cut-through at once.
func (r *Relay) eager(h *wire.Header) bool { return h.Length > wire.MaxData/2 }

// write sends b, together with what is pending if both fit.
func (c *child) write(b []byte) error {
	if c.used > 0 && c.used+len(b) <= len(*c.pending) {
		c.used += copy((*c.pending)[c.used:], b)
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	return c.send(b)
}

// flush sends what is pending, and has no buffer after that.
func (c *child) flush() error {
	if c.pending == nil {
		return nil
	}
	err := c.send((*c.pending)[:c.used])
	c.discard()
	return err
}

func (c *child) discard() {
	if c.pending != nil {
		Return(c.pending)
		c.pending, c.used = nil, 0
	}
}

// send writes all of b. A child that takes nothing for stallAfter is stalled;
// one that takes little, because it shares a slow link with many, is not.
func (c *child) send(b []byte) error {
	for {
		if err := c.stream.SetWriteDeadline(time.Now().Add(stallAfter)); err != nil {
			return err
		}
		n, err := c.stream.Write(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if n == 0 {
			return fmt.Errorf("stalled: %s took nothing for %v", c.node.Gateway, stallAfter)
		}
		b = b[n:]
	}
}

func (c *child) data(raw, _ []byte) error {
	c.relay.Sent.Add(int64(len(raw) - wire.HeadSize))
	return c.write(raw)
}

func (c *child) end(d chunk.Digest) error {
	var b [wire.HeadSize + 4]byte
	if err := c.write(wire.AppendEnd(b[:0], d)); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	// A child that has all of it may answer and let go of the stream before
	// our side is closed. That is no failure: its answer says what happened.
	_ = c.stream.CloseWrite()
	return nil
}

// abort says why, if the child knows of the chunk and takes it at once. That
// the chunk is given up it learns in any case, from the stream's reset.
func (c *child) abort(why wire.Failure) {
	if c.pending != nil {
		return
	}
	if c.stream.SetWriteDeadline(time.Now().Add(abortWithin)) != nil {
		return
	}
	if _, err := c.stream.Write(wire.AppendAbort(nil, why)); err == nil {
		_ = c.stream.CloseWrite() // which can only fail on a stream that is reset
	}
}

func (c *child) acks(cause error, yield func(wire.Ack)) {
	failure := wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindTransient, Gateway: c.node.Gateway}
	wait := ackWithin
	if cause != nil {
		failure.Message = cause.Error()
		if e, ok := errors.AsType[*objstore.Error](cause); ok {
			failure.Kind = e.Kind
		}
		wait = reasonWithin
	}
	open := c.node.Dests()
	if cause == nil || link.Stopped(cause) {
		var err error
		if open, err = c.readAcks(open, wait, yield); err != nil && cause == nil {
			failure.Message = "no acknowledgement: " + err.Error()
		}
	}
	for _, d := range open {
		yield(wire.Ack{Dest: d, Failure: &failure})
	}
}

// readAcks reads what the child answers for the destinations in open until it
// ends its side. It returns those that it did not answer for.
func (c *child) readAcks(open []route.Dest, wait time.Duration, yield func(wire.Ack)) ([]route.Dest, error) {
	if err := c.stream.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return open, err
	}
	for {
		a, err := wire.ReadAck(c.stream)
		if err == nil {
			open, err = answered(open, c.h, &a)
		}
		switch {
		case err == io.EOF && len(open) == 0:
			return open, nil
		case err == io.EOF:
			return open, errors.New("the stream ended without it")
		case errors.Is(err, wire.ErrMalformed):
			c.stream.Malformed(err)
			return open, err
		case err != nil:
			return open, err
		}
		yield(a)
	}
}

// answered takes the acknowledgement's destination out of those that are open.
func answered(open []route.Dest, h *wire.Header, a *wire.Ack) ([]route.Dest, error) {
	if a.Chunk != h.Chunk || a.Attempt != h.Attempt {
		return open, fmt.Errorf("%w: acknowledgement of chunk %v attempt %d", wire.ErrMalformed, a.Chunk, a.Attempt)
	}
	i := slices.Index(open, a.Dest)
	if i < 0 {
		return open, fmt.Errorf("%w: acknowledgement of destination %d, which is not open", wire.ErrMalformed, a.Dest)
	}
	return slices.Delete(open, i, i+1), nil
}

func (c *child) release() {
	c.discard()
	if c.stream != nil {
		c.stop()
		c.stream.Release()
	}
}
