package source

import (
	"context"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/control"
	"github.com/skyctl/skyctl/agent/internal/relay"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// reading is one chunk's range of its object, open.
type reading struct {
	body   io.ReadCloser
	length int64
	whole  bool // the range is all of the object
	object objstore.Object
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
	return &reading{body: body, length: a.Range.Length, whole: a.Range.Length == o.Size, object: o}, nil
}

func (r *reading) close() {
	if r.body != nil {
		r.body.Close() // what was read is checked by length and digest
		r.body = nil
	}
}

// copy sends the range through the fan and returns its digest. That every
// branch failed is not a failure here: the acknowledgements say it.
func (r *reading) copy(fan *relay.Fan) (d chunk.Digest, _ *control.Failure) {
	buf := relay.Buffer()
	defer relay.Return(buf)
	for left := r.length; left > 0; {
		n := int(min(left, wire.MaxData))
		segment := (*buf)[:wire.HeadSize+n]
		if _, err := io.ReadFull(r.body, segment[wire.HeadSize:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, readFailure(fmt.Errorf("the source ended %d bytes early: %w", left, err))
		}
		d = d.Update(segment[wire.HeadSize:])
		wire.PutHead(segment, wire.TypeData, n)
		if fan.Data(segment) != nil {
			return d, nil
		}
		left -= int64(n)
	}
	if want := r.object.CRC32C; r.whole && want != nil && *want != d {
		return 0, &control.Failure{Stage: control.StageRead, Kind: objstore.KindCorrupt,
			Message: fmt.Sprintf("read CRC32C %v, the source store reports %v", d, *want)}
	}
	fan.End(d)
	return d, nil
}

func readFailure(err error) *control.Failure {
	return &control.Failure{Stage: control.StageRead, Kind: objstore.KindOf(err), Message: err.Error()}
}
