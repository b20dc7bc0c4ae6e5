package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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
	stream  Stream
	stop    func() bool // undoes the interruption of stream by its context
	pending *[]byte
	used    int // bytes of pending
}

func (c *child) dests() []route.Dest { return c.node.Dests() }

func (c *child) open(ctx context.Context) error {
	opening, cancel := context.WithTimeout(ctx, stallAfter)
	defer cancel()
	s, err := c.relay.cfg.Open(opening, c.node.Gateway)
	if err != nil {
		return err
	}
	c.stream, c.stop = s, context.AfterFunc(ctx, s.Interrupt)
	h := *c.h
	h.Route = *c.node
	c.pending = Buffer()
	c.used = len(h.Append((*c.pending)[:0]))
	if c.used > wire.HeadSize+wire.MaxHeader {
		return fmt.Errorf("the header has %d bytes, over the limit of %d: the keys or metadata are too long", c.used, wire.MaxHeader)
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

func (c *child) flush() error {
	if c.used == 0 {
		return nil
	}
	n := c.used
	c.used = 0
	return c.send((*c.pending)[:n])
}

func (c *child) send(b []byte) error {
	if err := c.stream.SetWriteDeadline(time.Now().Add(stallAfter)); err != nil {
		return err
	}
	_, err := c.stream.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("stalled: %s took nothing for %v", c.node.Gateway, stallAfter)
	}
	return err
}

func (c *child) data(raw []byte) error {
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

func (c *child) abort(why wire.Failure) {
	// The child learns it from the reset at the latest.
	if c.flush() == nil && c.send(wire.AppendAbort(nil, why)) == nil {
		_ = c.stream.CloseWrite()
	}
}

func (c *child) acks(cause error, yield func(wire.Ack)) {
	failure := wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindTransient, Gateway: c.node.Gateway}
	wait := ackWithin
	if cause != nil {
		failure.Message = cause.Error()
		wait = reasonWithin
	}
	if cause == nil || link.Stopped(cause) {
		if err := c.readAcks(wait, yield); err != nil && cause == nil {
			failure.Message = "no acknowledgement: " + err.Error()
		}
	}
	for _, d := range c.dests() { // those that are answered already are dropped
		yield(wire.Ack{Dest: d, Failure: &failure})
	}
}

// readAcks reads what the child answers until it ends its side.
func (c *child) readAcks(wait time.Duration, yield func(wire.Ack)) error {
	buf := Buffer()
	defer Return(buf)
	if err := c.stream.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	for {
		f, err := wire.Read(c.stream, *buf)
		if err == io.EOF {
			return errors.New("the stream ended without it")
		}
		if err == nil && f.Type != wire.TypeAck {
			err = fmt.Errorf("%w: type %d instead of an acknowledgement", wire.ErrMalformed, f.Type)
		}
		var a wire.Ack
		if err == nil {
			a, err = wire.ParseAck(f.Body)
		}
		if err == nil && (a.Chunk != c.h.Chunk || a.Attempt != c.h.Attempt) {
			err = fmt.Errorf("%w: acknowledgement of chunk %v attempt %d", wire.ErrMalformed, a.Chunk, a.Attempt)
		}
		if errors.Is(err, wire.ErrMalformed) {
			c.stream.Malformed(err)
		}
		if err != nil {
			return err
		}
		yield(a)
	}
}

func (c *child) release() {
	if c.stream != nil {
		c.stop()
		c.stream.Release()
	}
	if c.pending != nil {
		Return(c.pending)
		c.pending = nil
	}
}
