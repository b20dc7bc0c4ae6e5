package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/wire"
)

// tlsConn is a connection that carries one payload at a time in each
// direction, and answers in between. Chunks are numbered by the order of their
// opening frames, in each direction from 1 on; wire.Answer says of which chunk
// it speaks.
//
// Whoever holds the reading end, the accept loop or the receiver of the
// payload that is under way, takes answers off the wire as they come.
type tlsConn struct {
	raw *tcpConn
	tls *tls.Conn
	in  *bufio.Reader

	ctx context.Context
	end context.CancelCauseFunc

	writing sync.Mutex // one call of ours at a time is frames in a row
	frame   []byte     // for answers, under writing

	mu       sync.Mutex
	number   uint64                // of the last chunk this side opened
	senders  map[uint64]*tlsSender // that expect answers
	receiver *tlsReceiver          // that holds the reading end

	accepted uint64 // number of the last chunk the peer opened; the accept loop's
	places   chan struct{}
}

// maxReceivers bounds the chunks whose answers a peer waits for, as QUIC's
// number of streams does.
const maxReceivers = maxIncomingStreams

// headBuffer is small, so that nearly all of a payload bypasses it.
const headBuffer = 4 << 10

func newTLSConn(raw *tcpConn, c *tls.Conn) *tlsConn {
	x := &tlsConn{raw: raw, tls: c, in: bufio.NewReaderSize(c, headBuffer),
		senders: map[uint64]*tlsSender{}, places: make(chan struct{}, maxReceivers)}
	x.ctx, x.end = context.WithCancelCause(context.Background())
	return x
}

func (c *tlsConn) Context() context.Context { return c.ctx }

func (c *tlsConn) over() Transport { return TLS }

func (c *tlsConn) atOnce() int { return 1 }

func (c *tlsConn) moved() int64 { return c.raw.sent.Load() }

func (c *tlsConn) measure() (Path, error) { return measureTCP(c.raw.Conn) }

// close ends the connection, and tells the peer why if it takes it at once.
func (c *tlsConn) close(code byte, why string) {
	cause := errors.New("it was closed here")
	if why != "" {
		cause = errors.New(why)
	}
	c.fail(cause, &wire.Bye{Code: code, Message: why})
}

// fail ends the connection for a reason, once.
func (c *tlsConn) fail(cause error, bye *wire.Bye) {
	c.mu.Lock()
	first := c.ctx.Err() == nil
	c.end(cause)
	c.mu.Unlock()
	if !first {
		return
	}
	if bye != nil && c.writing.TryLock() {
		// Whether it arrives is no matter: the end of the connection will.
		if c.raw.SetWriteDeadline(time.Now().Add(goodbyeWithin)) == nil {
			_, _ = c.tls.Write(bye.Append(nil))
		}
		c.writing.Unlock()
	}
	_ = c.raw.Close() // nothing can be done about a socket that does not close
}

// write sends frames.
func (c *tlsConn) write(frames []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.writeLocked(frames)
}

func (c *tlsConn) writeLocked(frames []byte) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	c.raw.hold()
	_, err := c.tls.Write(frames)
	if err = errors.Join(err, c.raw.flush()); err != nil {
		if c.ctx.Err() != nil { // interrupted, or closed meanwhile
			return context.Cause(c.ctx)
		}
		c.fail(fmt.Errorf("the connection broke: %w", err), nil)
	}
	return err
}

// answer sends something about a chunk that the peer opened.
func (c *tlsConn) answer(as ...wire.Answer) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.frame = c.frame[:0]
	for i := range as {
		c.frame = as[i].Append(c.frame)
	}
	return c.writeLocked(c.frame)
}

func (c *tlsConn) open(_ context.Context, finished func()) (Stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, context.Cause(c.ctx)
	}
	return &tlsSender{conn: c, finished: finished, more: make(chan struct{}, 1)}, nil
}

// accept reads until the peer opens a chunk, once the payload of the one
// before is through.
func (c *tlsConn) accept(ctx context.Context) (Stream, error) {
	select {
	case c.places <- struct{}{}:
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := c.drain(); err != nil {
		return nil, err
	}
	t, _, err := c.head()
	if err != nil {
		return nil, err
	}
	if !t.Opens() {
		return nil, c.malformed(fmt.Errorf("%w: type %d where a chunk was due", wire.ErrMalformed, t))
	}
	c.accepted++
	r := &tlsReceiver{conn: c, number: c.accepted, through: make(chan struct{})}
	c.mu.Lock()
	c.receiver = r
	c.mu.Unlock()
	return r, nil
}

// drain waits until the receiver before lets go of the reading end, and drops
// what it left of its payload.
func (c *tlsConn) drain() error {
	c.mu.Lock()
	r := c.receiver
	c.mu.Unlock()
	if r == nil {
		return nil
	}
	select {
	case <-r.through:
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
	c.mu.Lock()
	c.receiver = nil
	err := c.raw.SetReadDeadline(time.Time{})
	c.mu.Unlock()
	if err != nil {
		return c.broken(err)
	}
	for !r.ended {
		if r.left == 0 {
			if err := r.next(); err != nil {
				return err
			}
		}
		n, err := c.in.Discard(min(r.left, headBuffer))
		if r.took(n); err != nil {
			return c.broken(err)
		}
	}
	return nil
}

// head waits for the next frame that is not an answer, and returns its type
// and the size of its body. It leaves the head where it is.
func (c *tlsConn) head() (wire.Type, int, error) {
	for {
		head, err := c.in.Peek(wire.HeadSize)
		if err != nil {
			return 0, 0, c.broken(err)
		}
		t, n, err := wire.ParseHead(head)
		if err != nil {
			return 0, 0, c.malformed(err)
		}
		if t != wire.TypeAnswer && t != wire.TypeBye {
			return t, n, nil
		}
		if err := c.aside(t, n); err != nil {
			return 0, 0, err
		}
	}
}

// aside takes a frame that belongs to no payload off the wire.
func (c *tlsConn) aside(t wire.Type, n int) error {
	frame := make([]byte, wire.HeadSize+n)
	if _, err := io.ReadFull(c.in, frame); err != nil {
		return c.broken(err)
	}
	body := frame[wire.HeadSize:]
	if t == wire.TypeBye {
		x, err := wire.ParseBye(body)
		if err != nil {
			return c.malformed(err)
		}
		cause := errors.New("the peer hung up")
		if x.Message != "" {
			cause = fmt.Errorf("closed by the peer: %s", x.Message)
		}
		c.fail(cause, nil)
		return cause
	}
	a, err := wire.ParseAnswer(body)
	if err != nil {
		return c.malformed(err)
	}
	c.mu.Lock()
	s, known := c.senders[a.Number], a.Number > 0 && a.Number <= c.number
	if s != nil && (a.Say == wire.SayDone || a.Say == wire.SayGivenUp) {
		delete(c.senders, a.Number)
	}
	c.mu.Unlock()
	if !known {
		return c.malformed(fmt.Errorf("%w: an answer to chunk %d, which was never opened", wire.ErrMalformed, a.Number))
	}
	if s == nil {
		return nil // it was given up here, and this answer was on its way
	}
	if err := s.hear(&a); err != nil {
		return c.malformed(err)
	}
	return nil
}

// broken is the error for a connection from which reading failed. A deadline
// is not the end of it.
func (c *tlsConn) broken(err error) error {
	if isDeadline(err) && c.ctx.Err() == nil {
		return err
	}
	c.fail(fmt.Errorf("the connection broke: %w", err), nil)
	return context.Cause(c.ctx)
}

func (c *tlsConn) malformed(why error) error {
	c.close(codeMalformed, why.Error())
	return why
}
