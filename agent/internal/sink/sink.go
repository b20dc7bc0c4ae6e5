package sink

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/budget"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// Config is what a Sink works with.
type Config struct {
	Store    func(name string) (objstore.Bucket, error)
	Budget   func() *budget.Budget
	ReadBack func() bool // always read objects back, whatever the store reports
}

// Sink writes the chunks of one agent.
type Sink struct {
	cfg           Config
	Chunks, Bytes atomic.Int64 // written
}

// New returns a sink.
func New(cfg Config) *Sink { return &Sink{cfg: cfg} }

// Chunk says what is to be written where.
type Chunk struct {
	Index    int32
	Offset   int64 // in the object
	Length   int64
	Metadata objstore.Metadata // for whole objects
	Dest     wire.Dest
}

// Written is a chunk that is durable at its destination.
type Written struct {
	Token    string
	Verified wire.Verified // of a whole object
}

// streamAbove is the length in bytes from which a store that takes bodies as
// they arrive gets them so; shorter chunks are cheaper whole.
const streamAbove = 256 << 10

// Open prepares to write a chunk. It waits for memory if it has to. ctx
// governs the write to its end.
func (s *Sink) Open(ctx context.Context, c Chunk) (*Part, error) {
	b, err := s.cfg.Store(c.Dest.Store)
	if err != nil {
		return nil, err
	}
	p := &Part{sink: s, bucket: b, chunk: c}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if b.Limits().Buffered || c.Length <= streamAbove {
		if p.buffer, err = s.cfg.Budget().Acquire(ctx, c.Length); err != nil {
			p.cancel()
			return nil, fmt.Errorf("a part of %d bytes: %w", c.Length, err)
		}
		return p, nil
	}
	r, w := io.Pipe()
	p.pipe, p.done = w, make(chan struct{})
	go func() { // ended by Finish or Release, which wait for it
		defer close(p.done)
		p.written, p.err = p.store(objstore.Body{Size: c.Length, Reader: r})
		r.CloseWithError(p.err) // a Write that waits learns why
	}()
	return p, nil
}

// Part is one chunk being written by one goroutine: Write until all is there,
// Finish, and Release in any case.
type Part struct {
	sink   *Sink
	bucket objstore.Bucket
	chunk  Chunk
	ctx    context.Context
	cancel context.CancelFunc

	digest chunk.Digest // of what came so far
	got    int64

	buffer *budget.Buffer // or:
	pipe   *io.PipeWriter
	done   chan struct{}
	// Set before done is closed.
	written Written
	err     error
}

// Write adds b, which it does not keep.
func (p *Part) Write(b []byte) error {
	if p.got+int64(len(b)) > p.chunk.Length {
		return p.corrupt("more than the %d bytes announced", p.chunk.Length)
	}
	p.got += int64(len(b))
	p.digest = p.digest.Update(b)
	if p.buffer != nil {
		p.buffer.Bytes = append(p.buffer.Bytes, b...)
		return nil
	}
	_, err := p.pipe.Write(b)
	return err
}

// Finish compares the digest with the reader's and makes the chunk durable.
// Where they differ the destination keeps what it had.
func (p *Part) Finish(want chunk.Digest) (Written, error) {
	if p.got != p.chunk.Length || p.digest != want {
		return Written{}, p.corrupt("%d bytes with CRC32C %v arrived, %d with %v were sent", p.got, p.digest, p.chunk.Length, want)
	}
	if p.buffer != nil {
		p.written, p.err = p.store(objstore.Body{Size: p.got, Bytes: p.buffer.Bytes, Digest: p.digest})
	} else {
		p.pipe.Close()
		<-p.done
	}
	if p.err == nil {
		p.sink.Chunks.Add(1)
		p.sink.Bytes.Add(p.got)
	}
	return p.written, p.err
}

// Release gives the part up if it is not finished, waits until the store has
// let go of it, and returns its memory.
func (p *Part) Release() {
	p.cancel()
	if p.pipe != nil {
		p.pipe.CloseWithError(context.Canceled) // no effect after Finish
		<-p.done
	}
	if p.buffer != nil {
		p.buffer.Release()
		p.buffer = nil
	}
}

func (p *Part) corrupt(format string, args ...any) error {
	return &objstore.Error{Op: "write", Bucket: p.chunk.Dest.Store, Key: p.chunk.Dest.Key,
		Kind: objstore.KindCorrupt, Err: fmt.Errorf(format, args...)}
}

// store writes the body, and for a whole object checks what the store has.
func (p *Part) store(body objstore.Body) (Written, error) {
	d := p.chunk.Dest
	if d.Upload != nil {
		ref, err := p.bucket.WritePart(p.ctx, *d.Upload, objstore.Part{Number: p.chunk.Index, Offset: p.chunk.Offset}, body)
		return Written{Token: ref.Token}, err
	}
	o, err := p.bucket.Put(p.ctx, d.Key, body, p.chunk.Metadata)
	if err != nil {
		return Written{}, err
	}
	verified, err := Check(p.ctx, p.bucket, o, p.chunk.Length, p.digest, p.sink.cfg.ReadBack())
	return Written{Verified: verified}, err
}
