package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

// tlsSender is a chunk that this side opened: it writes the payload and reads
// the answers.
type tlsSender struct {
	conn     *tlsConn
	finished func() // the connection is free for another payload

	number uint64 // 0: nothing was sent yet
	closed bool   // the payload is through

	mu       sync.Mutex
	heard    []byte        // answers that were not read yet
	err      error         // what reading ends with when they were
	stopped  error         // why writing is over
	more     chan struct{} // has an element when the state changed
	sending  bool
	deadline time.Time
}

// maxHeard bounds what a peer may answer ahead of its reader: one
// acknowledgement each for all the destinations a chunk can have.
const maxHeard = 256 * (wire.HeadSize + wire.MaxAck)

// hear takes an answer from the wire.
func (s *tlsSender) hear(a *wire.Answer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch a.Say {
	case wire.SayBytes:
		if len(s.heard)+len(a.Bytes) > maxHeard {
			return fmt.Errorf("%w: more answers than a chunk can have", wire.ErrMalformed)
		}
		s.heard = append(s.heard, a.Bytes...)
	case wire.SayDone:
		s.err = io.EOF
	case wire.SayGivenUp:
		s.err, s.stopped = errStopped, errStopped
	case wire.SayStop:
		s.stopped = errStopped
	}
	s.changed()
	return nil
}

// changed wakes the reader. The caller holds mu.
func (s *tlsSender) changed() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *tlsSender) Read(p []byte) (int, error) {
	for {
		s.mu.Lock()
		n := copy(p, s.heard)
		if s.heard = s.heard[n:]; len(s.heard) == 0 {
			s.heard = nil
		}
		err, deadline := s.err, s.deadline
		s.mu.Unlock()
		switch {
		case n > 0 || len(p) == 0:
			return n, nil
		case err != nil:
			return 0, err
		}
		if err := s.wait(deadline); err != nil {
			return 0, err
		}
	}
}

// wait returns when there may be something new.
func (s *tlsSender) wait(deadline time.Time) error {
	var late <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-s.more:
		return nil
	case <-late:
		return os.ErrDeadlineExceeded
	case <-s.conn.ctx.Done():
		return context.Cause(s.conn.ctx)
	}
}

func (s *tlsSender) Write(frames []byte) (int, error) {
	s.mu.Lock()
	err := s.stopped
	s.sending = err == nil
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if s.number == 0 {
		err = s.begin(frames)
	} else {
		err = s.conn.write(frames)
	}
	s.mu.Lock()
	s.sending = false
	interrupted := errors.Is(s.stopped, errInterrupted)
	s.mu.Unlock()
	switch {
	case err != nil && interrupted:
		return 0, errInterrupted
	case err != nil:
		return 0, err
	}
	return len(frames), nil
}

// begin sends the first frames. The chunk's number is its place among them, so
// it is given under the same lock.
func (s *tlsSender) begin(frames []byte) error {
	c := s.conn
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	c.number++
	s.number = c.number
	c.senders[s.number] = s
	c.mu.Unlock()
	return c.writeLocked(frames)
}

func (s *tlsSender) CloseWrite() error {
	s.closed = true
	s.free()
	return nil // its last frame says it
}

func (s *tlsSender) WriteLast(frames []byte) error {
	if _, err := s.Write(frames); err != nil {
		return err
	}
	return s.CloseWrite()
}

// free lets the next payload have the connection.
func (s *tlsSender) free() {
	if s.finished != nil {
		s.finished()
		s.finished = nil
	}
}

func (s *tlsSender) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	s.changed()
	return nil
}

// SetWriteDeadline does nothing: a write that makes no progress ends the
// connection after stalledAfter, because a frame that was sent in part would
// make nonsense of what follows.
func (s *tlsSender) SetWriteDeadline(time.Time) error { return nil }

func (s *tlsSender) StopReading() {}

func (s *tlsSender) Interrupt() {
	s.mu.Lock()
	s.err, s.stopped, s.heard = errInterrupted, errInterrupted, nil
	sending := s.sending
	s.changed()
	s.mu.Unlock()
	if sending { // there is no other way out of a write
		s.conn.fail(errInterrupted, nil)
	}
}

func (s *tlsSender) Release() {
	c := s.conn
	if s.number > 0 && !s.closed {
		// Whether the peer learns it is no matter: a connection on which it
		// cannot be said is gone.
		_ = c.write(wire.AppendAbort(nil, wire.Failure{Stage: wire.StageRoute, Kind: objstore.KindTransient, Message: "given up"}))
		s.closed = true
	}
	c.mu.Lock()
	delete(c.senders, s.number)
	c.mu.Unlock()
	s.free()
}

func (s *tlsSender) Malformed(why error) { s.conn.close(codeMalformed, why.Error()) }
