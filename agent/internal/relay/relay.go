package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skyctl/skyctl/agent/internal/codec"
	"github.com/skyctl/skyctl/agent/internal/link"
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
	WriteLast([]byte) error
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
	// Enter binds work to the session of now: its context ends with the
	// session, which waits for leave. False if there is none.
	Enter func(context.Context) (_ context.Context, leave func(), ok bool)
	Key   func() []byte // the run's, nil where this gateway only relays
	// Trusts tells whether what a peer sends may be written unsealed: not where it
	// has no key and this gateway has. Nil: of everybody.
	Trusts func(peer route.Gateway) bool
	Open   func(ctx context.Context, peer route.Gateway, leg link.Leg) (Stream, error)
	Sink   *sink.Sink
	Log    *slog.Logger
}

// Waits. A child without progress for stallAfter is cut; a peer that opened a
// stream has headerWithin to say what for, and payloadWithin for each frame
// after that, in which its store may be slow; ackWithin bounds a store that
// takes a part and never answers.
const (
	stallAfter    = 10 * time.Second
	headerWithin  = 10 * time.Second
	payloadWithin = 2 * time.Minute
	ackWithin     = 5 * time.Minute
	reasonWithin  = 2 * time.Second // for a child that stopped to say why
	abortWithin   = time.Second     // for a child to be told why
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
	t, body, err := opening(s)
	if err == nil && t == wire.TypeProbe {
		err = r.probe(s, body)
	}
	if err != nil {
		r.reject(peer, s, err)
		return
	}
	if t == wire.TypeProbe {
		return
	}
	ctx, leave, ok := r.cfg.Enter(ctx)
	if !ok {
		return
	}
	defer leave()
	r.serveChunk(ctx, peer, s, body)
}

// opening reads what a stream opens with.
func opening(s Stream) (wire.Type, []byte, error) {
	if err := s.SetReadDeadline(time.Now().Add(headerWithin)); err != nil {
		return 0, nil, err
	}
	return wire.ReadOpening(s)
}

func (r *Relay) serveChunk(ctx context.Context, peer route.Gateway, s Stream, header []byte) {
	stop := context.AfterFunc(ctx, s.Interrupt)
	defer stop()
	h, dests, err := r.parseHeader(header)
	if err != nil {
		r.reject(peer, s, err)
		return
	}
	if why := r.refuse(peer, &h); why != "" {
		s.StopReading()
		dests := h.Route.Dests()
		r.answer(s, len(dests), func(yield func(wire.Ack)) {
			for _, d := range dests {
				yield(wire.Ack{Chunk: h.Chunk, Attempt: h.Attempt, Dest: d, Failure: &wire.Failure{
					Stage: wire.StageRoute, Kind: objstore.KindTransient, Gateway: r.cfg.Self, Message: why}})
			}
		})
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fan := r.fan(ctx, &h, dests, true)
	defer fan.Release()
	switch err := r.copy(s, &h, fan); {
	case err == nil:
	case errors.Is(err, errAllFailed):
		s.StopReading()
	default:
		r.reject(peer, s, err)
		return
	}
	r.answer(s, len(h.Route.Dests()), fan.Acks)
}

// parseHeader reads a header. The destinations are read only where they are
// written, and nil where they do not open.
func (r *Relay) parseHeader(body []byte) (wire.Header, *wire.Dests, error) {
	h, err := wire.ParseHeader(body)
	if err != nil || len(h.Route.Writes) == 0 {
		return h, nil, err
	}
	block, err := codec.Dests(&h, r.cfg.Key())
	if err != nil {
		return h, nil, nil // which is answered, as a destination that fails
	}
	dests, err := wire.ParseDests(block)
	return h, &dests, err
}

// refuse tells why this gateway does not take a chunk, if it does not.
func (r *Relay) refuse(peer route.Gateway, h *wire.Header) string {
	switch {
	case h.Run != r.cfg.Run:
		return "the chunk is of another run"
	case h.Session != r.cfg.Session():
		return "the chunk is of an earlier session of the run"
	case h.Route.Gateway != r.cfg.Self:
		return fmt.Sprintf("the route starts at %q", h.Route.Gateway)
	case len(h.Route.Writes) > 0 && !h.Codec.Has(wire.CodecSealed) && r.cfg.Trusts != nil && !r.cfg.Trusts(peer):
		return fmt.Sprintf("it is not sealed, and comes from %q, which has no key", peer)
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
func (r *Relay) copy(s Stream, h *wire.Header, fan *Fan) error {
	buf := Buffer()
	defer Return(buf)
	left := h.MaxPayload()
	for {
		f, err := r.read(s, *buf, fan.room)
		if err == nil {
			left, err = due(&f, left, h.Codec == wire.CodecPlain)
		}
		if err != nil {
			fan.Abort(wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindTransient, Gateway: r.cfg.Self, Message: "the payload broke off: " + err.Error()})
			return err
		}
		switch f.Type {
		case wire.TypeData:
			if err := fan.take(&f); err != nil {
				return err
			}
		case wire.TypeEnd:
			digest, err := wire.ParseEnd(f.Body)
			if err == nil {
				fan.End(digest)
			}
			return err
		case wire.TypeAbort:
			why, err := wire.ParseAbort(f.Body)
			if err != nil {
				return err
			}
			fan.Abort(why)
			return fmt.Errorf("given up by the sender: %s", why.Message)
		}
	}
}

// due tells whether the frame may come where left bytes of payload are
// announced and not yet here, and how many are left after it. Only of a plain
// payload all of them must come.
func due(f *wire.Frame, left int64, all bool) (int64, error) {
	switch f.Type {
	case wire.TypeData:
		if left -= int64(len(f.Body)); left < 0 {
			return left, fmt.Errorf("%w: %d bytes of payload more than announced", wire.ErrMalformed, -left)
		}
	case wire.TypeEnd:
		if all && left > 0 {
			return left, fmt.Errorf("%w: the payload ends %d bytes before its announced length", wire.ErrMalformed, left)
		}
	case wire.TypeAbort:
	default:
		return left, fmt.Errorf("%w: type %d within a payload", wire.ErrMalformed, f.Type)
	}
	return left, nil
}

// read reads the next frame of a payload, as wire.ReadPlaced does.
func (r *Relay) read(s Stream, buf []byte, place func(n int) []byte) (wire.Frame, error) {
	if err := s.SetReadDeadline(time.Now().Add(payloadWithin)); err != nil {
		return wire.Frame{}, err
	}
	f, err := wire.ReadPlaced(s, buf, place)
	if err == nil && f.Type == wire.TypeData {
		r.Received.Add(int64(len(f.Body)))
	}
	return f, err
}

// answer sends so many acknowledgements up the stream as they come and ends it.
func (r *Relay) answer(s Stream, count int, acks func(yield func(wire.Ack))) {
	var b []byte
	var err error
	ended := false
	acks(func(a wire.Ack) {
		b = a.Append(b[:0])
		count--
		if err == nil {
			err = s.SetWriteDeadline(time.Now().Add(stallAfter))
		}
		switch {
		case err != nil:
		case count == 0:
			ended, err = true, s.WriteLast(b)
		default:
			_, err = s.Write(b)
		}
	})
	if err != nil || !ended {
		err = errors.Join(err, s.CloseWrite())
	}
	if err != nil {
		r.cfg.Log.Debug("an acknowledgement was not taken", "error", err)
	}
}
