package source

import (
	"context"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/codec"
	"github.com/skyctl/skyctl/agent/internal/relay"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// reading is one chunk's range of its object, open.
type reading struct {
	ctx     context.Context // of the chunk
	limit   *Limit
	body    io.ReadCloser
	length  int64
	whole   bool // the range is all of the object
	object  objstore.Object
	encoder *codec.Encoder // nil: the segments travel as they are
	sealed  bool
	segment int     // the most plain bytes of one
	ahead   []byte  // what was read early, and is not yet sent
	holding *[]byte // the relay.Buffer that holds it; nil: none
}

// coding is what may happen to payloads.
type coding struct {
	key      []byte // nil: nothing is sealed
	compress bool
}

func (s *Source) open(ctx context.Context, a *control.Assignment) (*reading, *control.Failure) {
	b, err := s.cfg.Store(a.Store)
	if err != nil {
		return nil, readFailure(err)
	}
	body, o, err := b.Open(ctx, a.Key, a.Version, a.Range)
	if err != nil {
		return nil, readFailure(err)
	}
	return &reading{ctx: ctx, limit: s.cfg.Limit, body: body, length: a.Range.Length, whole: a.Range.Length == o.Size, object: o}, nil
}

func (r *reading) close() {
	if r.body != nil {
		r.body.Close() // what was read is checked by length and digest
		r.body = nil
	}
	if r.holding != nil {
		relay.Return(r.holding)
		r.holding, r.ahead = nil, nil
	}
}

// prepare decides on the chunk's codec, and completes its header by it.
func (r *reading) prepare(h *wire.Header, how coding) *control.Failure {
	// What is one write is read before it has its turn, which is then short.
	if r.length > 0 && (how.compress || r.length <= wire.MaxData) {
		r.holding = relay.Buffer()
		r.ahead = (*r.holding)[:min(r.length, int64(codec.MaxSegment(wire.CodecZstd|wire.CodecSealed)))]
		if err := r.read(r.ahead, r.length); err != nil {
			return readFailure(err)
		}
		if how.compress && codec.Pays(r.ahead) {
			h.Codec |= wire.CodecZstd
		}
	}
	if how.key != nil && h.Route.Relayed() {
		h.Codec |= wire.CodecSealed
	}
	r.segment = codec.MaxSegment(h.Codec)
	if h.Codec == wire.CodecPlain {
		return nil
	}
	var err error
	if r.sealed = h.Codec.Has(wire.CodecSealed); r.sealed {
		err = codec.Seal(h, how.key)
	}
	if err == nil {
		r.encoder, err = codec.NewEncoder(h, how.key)
	}
	if err != nil {
		return readFailure(err)
	}
	return nil
}

// read fills p from the body, of which left bytes are still to come.
func (r *reading) read(p []byte, left int64) error {
	_, err := io.ReadFull(r.body, p)
	if err == nil {
		return nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the source ended %d bytes early: %w", left, err)
}

// copy sends the range through the fan and returns its digest. That every
// branch failed is not a failure here: the acknowledgements say it.
func (r *reading) copy(fan *gauged) (d chunk.Digest, _ *control.Failure) {
	frame := relay.Buffer()
	defer relay.Return(frame)
	in := (*frame)[wire.HeadSize:] // what is not coded is read to where it is sent from
	if r.encoder != nil {
		plain := relay.Buffer()
		defer relay.Return(plain)
		in = *plain
	}
	// A sealed payload has a last segment even where it has no bytes.
	for left, more := r.length, r.length > 0 || r.sealed; more; more = left > 0 {
		segment := in[:min(left, int64(r.segment))]
		if err := r.limit.take(r.ctx, len(segment)); err != nil {
			return 0, readFailure(err)
		}
		if err := r.next(segment, left); err != nil {
			return 0, readFailure(err)
		}
		d = d.Update(segment)
		if left -= int64(len(segment)); left == 0 {
			if why := r.check(d); why != nil {
				return 0, why
			}
		}
		body := segment
		if r.encoder != nil {
			body = r.encoder.Append((*frame)[:wire.HeadSize], segment, left == 0, d)[wire.HeadSize:]
		}
		wire.PutHead(*frame, wire.TypeData, len(body))
		if fan.data((*frame)[:wire.HeadSize+len(body)], len(segment)) != nil {
			return d, nil
		}
	}
	if r.sealed {
		fan.End(0) // writers have the digest, and nobody else is to
	} else {
		fan.End(d)
	}
	return d, nil
}

// next fills segment with what was read ahead and what comes behind it.
func (r *reading) next(segment []byte, left int64) error {
	n := copy(segment, r.takeAhead(len(segment)))
	if n == len(segment) {
		return nil
	}
	return r.read(segment[n:], left-int64(n))
}

// takeAhead returns up to n bytes of what was read ahead, once.
func (r *reading) takeAhead(n int) []byte {
	b := r.ahead[:min(n, len(r.ahead))]
	r.ahead = r.ahead[len(b):]
	return b
}

// check compares the digest of a whole object with what the source store
// reports.
func (r *reading) check(d chunk.Digest) *control.Failure {
	want := r.object.CRC32C
	if !r.whole || want == nil || *want == d {
		return nil
	}
	return &control.Failure{Stage: control.StageRead, Kind: objstore.KindCorrupt,
		Message: fmt.Sprintf("read CRC32C %v, the source store reports %v", d, *want)}
}

func readFailure(err error) *control.Failure {
	return &control.Failure{Stage: control.StageRead, Kind: objstore.KindOf(err), Message: err.Error()}
}
