package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skyctl/skyctl/agent/internal/sink"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// Stream is the part of link.Stream that a chunk needs.
type Stream interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
	CloseWrite() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	StopReading()
	Interrupt()
	Release()
	Malformed(error)
}

// Config is what a Relay works with.
type Config struct {
	Self    route.Gateway
	Run     string
	Session func() string // of the orchestrator that configured the agent last
	Open    func(ctx context.Context, peer route.Gateway) (Stream, error)
	Sink    *sink.Sink
	Log     *slog.Logger
}

// Waits. A child without progress for stallAfter is cut; a peer that opened a
// stream has headerWithin to say what for; ackWithin bounds a store that takes
// a part and never answers.
const (
	stallAfter   = 10 * time.Second
	headerWithin = 10 * time.Second
	ackWithin    = 5 * time.Minute
	reasonWithin = 2 * time.Second // for a child that stopped to say why
)

// Relay handles the chunks of one agent.
type Relay struct {
	cfg            Config
	Sent, Received atomic.Int64 // payload bytes to and from other gateways
	Streams        atomic.Int64 // open now
}

// New returns a relay.
func New(cfg Config) *Relay { return &Relay{cfg: cfg} }

var buffers = sync.Pool{New: func() any { b := make([]byte, wire.MaxFrame); return &b }}

// Buffer lends a buffer of wire.MaxFrame bytes. Give it back with Return.
func Buffer() *[]byte { return buffers.Get().(*[]byte) }

// Return takes a buffer back.
func Return(b *[]byte) { buffers.Put(b) }

// Serve handles a stream that a peer opened, to its end.
func (r *Relay) Serve(ctx context.Context, peer route.Gateway, s Stream) {
	r.Streams.Add(1)
	defer r.Streams.Add(-1)
	defer s.Release()
	stop := context.AfterFunc(ctx, s.Interrupt)
	defer stop()
	buf := Buffer()
	defer Return(buf)

	s.SetReadDeadline(time.Now().Add(headerWithin))
	f, err := wire.Read(s, *buf)
	if err == nil && f.Type != wire.TypeHeader {
		err = fmt.Errorf("%w: stream opens with type %d", wire.ErrMalformed, f.Type)
	}
	var h wire.Header
	if err == nil {
		h, err = wire.ParseHeader(append([]byte(nil), f.Body...)) // its block must outlive the buffer
	}
	if err != nil {
		r.reject(peer, s, err)
		return
	}
	s.SetReadDeadline(time.Time{})

	if why := r.refuse(&h); why != "" {
		s.StopReading()
		r.answer(s, failures(&h, h.Route.Dests(), wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindTransient, Gateway: r.cfg.Self, Message: why}))
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fan := r.Fan(ctx, &h)
	defer fan.Release()
	switch err := r.copy(s, &h, fan, *buf); {
	case err == nil:
	case errors.Is(err, errAllFailed):
		s.StopReading()
	default:
		r.reject(peer, s, err)
		return
	}
	r.answer(s, fan.Acks())
}

// refuse tells why this gateway does not take a chunk, if it does not.
func (r *Relay) refuse(h *wire.Header) string {
	switch {
	case h.Run != r.cfg.Run:
		return "the chunk is of another run"
	case h.Session != r.cfg.Session():
		return "the chunk is of an earlier session of the run"
	case h.Route.Gateway != r.cfg.Self:
		return fmt.Sprintf("the route starts at %q", h.Route.Gateway)
	}
	return ""
}

// reject ends a stream on which nothing sensible came: the connection too, if
// the peer broke the protocol.
func (r *Relay) reject(peer route.Gateway, s Stream, err error) {
	if errors.Is(err, wire.ErrMalformed) {
		s.Malformed(err)
		r.cfg.Log.Warn("closed a connection", "peer", peer, "error", err)
		return
	}
	r.cfg.Log.Debug("a stream ended early", "peer", peer, "error", err)
}

// copy passes the payload on. It returns nil after the end mark, errAllFailed
// if no branch wants more, and otherwise why the payload ended early; the
// branches know it then.
func (r *Relay) copy(s Stream, h *wire.Header, fan *Fan, buf []byte) error {
	var got int64
	for {
		f, err := wire.Read(s, buf)
		if err != nil {
			fan.Abort(wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindTransient, Gateway: r.cfg.Self, Message: "the stream broke: " + err.Error()})
			return err
		}
		switch f.Type {
		case wire.TypeData:
			got += int64(len(f.Body))
			r.Received.Add(int64(len(f.Body)))
			if got > h.Length {
				err = fmt.Errorf("%w: more payload than the %d bytes announced", wire.ErrMalformed, h.Length)
			} else if err = fan.Data(f.Raw); err != nil {
				return err
			}
		case wire.TypeEnd:
			digest, parseErr := wire.ParseEnd(f.Body)
			if err = parseErr; err == nil && got != h.Length {
				err = fmt.Errorf("%w: %d bytes of payload, not the %d announced", wire.ErrMalformed, got, h.Length)
			}
			if err == nil {
				fan.End(digest)
				return nil
			}
		case wire.TypeAbort:
			why, parseErr := wire.ParseAbort(f.Body)
			if err = parseErr; err == nil {
				fan.Abort(why)
				return fmt.Errorf("given up by the sender: %s", why.Message)
			}
		default:
			err = fmt.Errorf("%w: type %d within a payload", wire.ErrMalformed, f.Type)
		}
		if err != nil {
			fan.Abort(wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindCorrupt, Gateway: r.cfg.Self, Message: err.Error()})
			return err
		}
	}
}

// answer sends acknowledgements up the stream as they come and ends it.
func (r *Relay) answer(s Stream, acks <-chan wire.Ack) {
	var b []byte
	var err error
	for a := range acks {
		b = a.Append(b[:0])
		if err == nil {
			s.SetWriteDeadline(time.Now().Add(stallAfter))
			_, err = s.Write(b)
		}
	}
	if err = errors.Join(err, s.CloseWrite()); err != nil {
		r.cfg.Log.Debug("an acknowledgement was not taken", "error", err)
	}
}

// failures answers for destinations that all failed alike.
func failures(h *wire.Header, dests []route.Dest, why wire.Failure) <-chan wire.Ack {
	acks := make(chan wire.Ack, len(dests))
	for _, d := range dests {
		acks <- wire.Ack{Chunk: h.Chunk, Attempt: h.Attempt, Dest: d, Failure: &why}
	}
	close(acks)
	return acks
}
