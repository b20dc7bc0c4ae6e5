package relay

import (
	"context"
	"errors"
	"fmt"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/sink"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/agent/wire"
)

// local is a destination that this gateway writes itself.
type local struct {
	relay  *Relay
	h      *wire.Header
	block  *wire.Dests
	number route.Dest
	part   *sink.Part
	digest chunk.Digest
}

func (l *local) open(ctx context.Context) (err error) {
	if l.block == nil {
		return &objstore.Error{Op: "open", Kind: objstore.KindCorrupt, Err: errors.New("the sealed destinations were changed on the way, or sealed with another key")}
	}
	d, ok := l.block.Find(l.number)
	if !ok {
		return fmt.Errorf("the header says nothing of destination %d", l.number)
	}
	l.part, err = l.relay.cfg.Sink.Open(ctx, sink.Chunk{
		Index: l.h.Chunk.Index, Length: l.h.Length, Offset: l.block.Offset, Metadata: l.block.Metadata, Dest: d})
	return err
}

func (l *local) data(_, plain []byte) error { return l.part.Write(plain) }

func (l *local) end(d chunk.Digest) error {
	l.digest = d
	return nil
}

func (l *local) abort(wire.Failure) {} // release abandons the part

func (l *local) acks(cause error, yield func(wire.Ack)) {
	var w sink.Written
	if cause == nil {
		w, cause = l.part.Finish(l.digest)
		// Its memory is for the next part, whatever the other branches wait for.
		l.release()
	}
	if cause != nil {
		yield(wire.Ack{Dest: l.number, Failure: &wire.Failure{
			Stage: wire.StageWrite, Kind: objstore.KindOf(cause), Gateway: l.relay.cfg.Self, Message: cause.Error()}})
		return
	}
	yield(wire.Ack{Dest: l.number, Digest: l.digest, Token: w.Token, Verified: w.Verified, Lost: w.Lost})
}

func (l *local) release() {
	if l.part != nil {
		l.part.Release()
		l.part = nil
	}
}
