package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/internal/budget"
	"github.com/skyctl/skyctl/agent/internal/gauge"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// Config is what a Sink works with.
type Config struct {
	Store    func(name string) (objstore.Bucket, error)
	Budget   func() *budget.Budget
	ReadBack func() bool // always read objects back, whatever the store reports
	Waiting  *gauge.Wait // for memory; nil: nobody counts
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
	Verified wire.Verified   // of a whole object
	Lost     objstore.Fields // of a whole object's metadata: what its store cannot keep
}

// streamAbove is the length in bytes from which a store that takes bodies as
// they arrive gets them so; shorter chunks are cheaper whole.
const streamAbove = 256 << 10

// memoryWithin bounds the wait for memory. It is shorter than what a sender
// waits for progress, so that the reason is told; and whoever gives up holds
// nothing, so that gateways which write and forward to each other cannot wait
// in a circle for long.
const memoryWithin = 5 * time.Second

// Open prepares to write a chunk. It waits for memory if it has to. ctx
// governs the write to its end.
func (s *Sink) Open(ctx context.Context, c Chunk) (*Part, error) {
	b, err := s.cfg.Store(c.Dest.Store)
	if err != nil {
		return nil, err
	}
	p := &Part{sink: s, bucket: b, chunk: c}
	if b.Limits().Buffered || c.Length <= streamAbove {
		if p.buffer, err = s.memory(ctx, c.Length); err != nil {
			return nil, fmt.Errorf("a part of %d bytes: %w", c.Length, err)
		}
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if p.buffer == nil {
		p.stream()
	}
	return p, nil
}

func (s *Sink) memory(ctx context.Context, n int64) (*budget.Buffer, error) {
	waiting, cancel := context.WithTimeout(ctx, memoryWithin)
	defer cancel()
	s.cfg.Waiting.Begin()
	defer s.cfg.Waiting.End()
	x, err := s.cfg.Budget().Acquire(waiting, n)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = &objstore.Error{Op: "hold", Kind: objstore.KindThrottled, Err: fmt.Errorf("no memory was free for %v", memoryWithin)}
	}
	return x, err
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

	buffer *budget.Buffer // or, where the store takes the body as it arrives:
	pipe   *io.PipeWriter
	last   []byte // the end of the body, kept back until the digest is known
	done   chan struct{}
	// Set before done is closed: what the store answered.
	object objstore.Object  // to a whole object
	lost   objstore.Fields  // of its metadata
	ref    objstore.PartRef // to a part
	err    error
}

// stream starts the write of a body that is yet to come.
func (p *Part) stream() {
	r, w := io.Pipe()
	p.pipe, p.done = w, make(chan struct{})
	go func() { // ended by Finish or Release, which wait for it
		defer close(p.done)
		p.store(objstore.Body{Size: p.chunk.Length, Reader: r})
		r.CloseWithError(p.err) // a Write that waits learns why
	}()
}

// Room returns the memory where the next n bytes will be kept, to be written
// by the caller before it calls Filled, instead of Write. It is nil where there
// is none: the store takes the body as it arrives, or fewer bytes are due.
func (p *Part) Room(n int) []byte {
	if p.buffer == nil || p.got+int64(n) > p.chunk.Length {
		return nil
	}
	return p.buffer.Bytes[p.got : p.got+int64(n)]
}

// Filled adds the n bytes that Room returned.
func (p *Part) Filled(n int) error {
	b := p.Room(n)
	if b == nil {
		return p.corrupt("%d bytes were put where there is no room for them", n)
	}
	p.got += int64(n)
	p.digest = p.digest.Update(b)
	p.buffer.Bytes = p.buffer.Bytes[:p.got]
	return nil
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
	if p.got == p.chunk.Length {
		// With the last byte the store has all it was promised and may make
		// the object visible. Whether it should is known in Finish.
		p.last = append(p.last, b...)
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
		p.store(objstore.Body{Size: p.got, Bytes: p.buffer.Bytes, Digest: p.digest})
	} else {
		_, err := p.pipe.Write(p.last)
		p.pipe.Close()
		<-p.done
		if p.err == nil { // otherwise err follows from that
			p.err = err
		}
	}
	if p.err != nil {
		return Written{}, p.err
	}
	w, err := p.check()
	if err == nil {
		p.sink.Chunks.Add(1)
		p.sink.Bytes.Add(p.got)
	}
	return w, err
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
	}
}

func (p *Part) corrupt(format string, args ...any) error {
	return &objstore.Error{Op: "write", Bucket: p.chunk.Dest.Store, Key: p.chunk.Dest.Key,
		Kind: objstore.KindCorrupt, Err: fmt.Errorf(format, args...)}
}

// store hands the body to the store.
func (p *Part) store(body objstore.Body) {
	d := p.chunk.Dest
	if d.Upload != nil {
		p.ref, p.err = p.bucket.WritePart(p.ctx, *d.Upload, objstore.Part{Number: p.chunk.Index, Offset: p.chunk.Offset}, body)
	} else {
		var kept objstore.Metadata
		kept, p.lost = p.bucket.Keeps(p.chunk.Metadata)
		p.object, p.err = p.bucket.Put(p.ctx, d.Key, body, kept)
		p.lost |= p.object.Lost
	}
}

// check proves that the store has what was sent: a whole object here, an
// object of parts when it is committed, from the digests that are compared
// here.
func (p *Part) check() (Written, error) {
	if p.chunk.Dest.Upload == nil {
		verified, err := Check(p.ctx, p.bucket, p.object, p.chunk.Length, p.digest, p.sink.cfg.ReadBack())
		if objstore.KindOf(err) == objstore.KindPrecondition {
			// A put that was given up and repeated may still have arrived, and last.
			err = &objstore.Error{Op: "verify", Bucket: p.chunk.Dest.Store, Key: p.chunk.Dest.Key, Kind: objstore.KindTransient,
				Err: fmt.Errorf("it was put again meanwhile: %w", err)}
		}
		return Written{Verified: verified, Lost: p.lost}, err
	}
	if d := p.ref.Digest; d != nil && *d != p.digest {
		return Written{}, p.corrupt("the store took bytes with CRC32C %v, %v were sent", *d, p.digest)
	}
	return Written{Token: p.ref.Token}, nil
}
