package link

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/wire"
)

// tlsReceiver is a chunk that the peer opened: it reads the payload and writes
// the answers.
type tlsReceiver struct {
	conn   *tlsConn
	number uint64

	begun   bool          // the opening frame was found
	left    int           // bytes of the frame under way, its head included
	last    bool          // that frame is the payload's last
	ended   bool          // the payload is through
	through chan struct{} // closed when it lets go of the reading end
	letGo   bool

	answered bool // all was said
	released bool

	mu          sync.Mutex
	interrupted bool
}

func (r *tlsReceiver) Read(p []byte) (int, error) {
	switch {
	case r.isInterrupted():
		return 0, errInterrupted
	case r.ended:
		return 0, io.EOF
	case r.letGo:
		return 0, errStopped
	}
	if r.left == 0 {
		if err := r.next(); err != nil {
			return 0, r.reason(err)
		}
	}
	// Whoever reads wants all of it, and a record is a part of that.
	n, err := io.ReadFull(r.conn.in, p[:min(len(p), r.left)])
	if r.took(n); r.ended {
		r.giveBack()
	}
	if err != nil && n == 0 {
		return 0, r.reason(r.conn.broken(err))
	}
	return n, nil
}

// next finds the next frame of the payload.
func (r *tlsReceiver) next() error {
	t, n, err := r.conn.head()
	if err != nil {
		return err
	}
	if r.begun && t != wire.TypeData && !t.Ends() {
		return r.conn.malformed(fmt.Errorf("%w: type %d within a payload", wire.ErrMalformed, t))
	}
	r.begun, r.left, r.last = true, wire.HeadSize+n, t.Ends()
	return nil
}

// took notes that n bytes of the frame under way were read.
func (r *tlsReceiver) took(n int) {
	r.left -= n
	r.ended = r.left == 0 && r.last
}

func (r *tlsReceiver) reason(err error) error {
	if r.isInterrupted() {
		return errInterrupted
	}
	return err
}

func (r *tlsReceiver) isInterrupted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.interrupted
}

// giveBack lets go of the reading end.
func (r *tlsReceiver) giveBack() {
	if !r.letGo {
		r.letGo = true
		close(r.through)
	}
}

func (r *tlsReceiver) Write(p []byte) (int, error) {
	if r.isInterrupted() {
		return 0, errInterrupted
	}
	for n := 0; n < len(p); n += mostAnswered {
		piece := p[n:min(len(p), n+mostAnswered)]
		if err := r.conn.answer(wire.Answer{Number: r.number, Say: wire.SayBytes, Bytes: piece}); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

func (r *tlsReceiver) CloseWrite() error {
	if r.isInterrupted() {
		return errInterrupted
	}
	return r.finish(wire.SayDone)
}

func (r *tlsReceiver) WriteLast(p []byte) error {
	if r.isInterrupted() {
		return errInterrupted
	}
	if len(p) == 0 || len(p) > mostAnswered {
		_, err := r.Write(p)
		return errors.Join(err, r.CloseWrite())
	}
	r.answered = true
	return r.conn.answer(wire.Answer{Number: r.number, Say: wire.SayBytes, Bytes: p}, wire.Answer{Number: r.number, Say: wire.SayDone})
}

// finish says the last word, if it was not said.
func (r *tlsReceiver) finish(say wire.Say) error {
	if r.answered {
		return nil
	}
	r.answered = true
	return r.conn.answer(wire.Answer{Number: r.number, Say: say})
}

// mostAnswered is what one answer carries: an acknowledgement.
const mostAnswered = wire.MaxAck + wire.HeadSize

// SetReadDeadline has an effect while the payload is not through.
func (r *tlsReceiver) SetReadDeadline(t time.Time) error {
	if r.letGo {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.interrupted {
		return nil // whose deadline has passed
	}
	return r.conn.raw.SetReadDeadline(t)
}

// SetWriteDeadline does nothing, as that of a sender.
func (r *tlsReceiver) SetWriteDeadline(time.Time) error { return nil }

func (r *tlsReceiver) StopReading() {
	if r.letGo {
		return
	}
	r.giveBack()
	// A connection on which it cannot be said is gone.
	_ = r.conn.answer(wire.Answer{Number: r.number, Say: wire.SayStop})
}

func (r *tlsReceiver) Interrupt() {
	r.mu.Lock()
	r.interrupted = true
	r.mu.Unlock()
	c := r.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.receiver == r { // it may be waiting for the peer
		_ = c.raw.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection only
	}
}

func (r *tlsReceiver) Release() {
	if r.released {
		return
	}
	r.released = true
	r.giveBack()
	_ = r.finish(wire.SayGivenUp) // as in StopReading
	<-r.conn.places
}

func (r *tlsReceiver) Malformed(why error) { r.conn.close(codeMalformed, why.Error()) }

func isDeadline(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
