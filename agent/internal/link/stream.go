package link

import (
	"errors"
	"time"

	"github.com/quic-go/quic-go"
)

// Stream carries one chunk and its acknowledgements. It is used by one
// goroutine for each direction.
type Stream struct {
	s      *quic.Stream
	conn   *connection
	opened bool // by this side, and not yet released
	closed bool // for writing
}

// Read reads what the peer sent; io.EOF is its orderly end.
func (s *Stream) Read(p []byte) (int, error) { return s.s.Read(p) }

// Write sends p, waiting while the peer's window is full.
func (s *Stream) Write(p []byte) (int, error) { return s.s.Write(p) }

// CloseWrite says that nothing more will be written.
func (s *Stream) CloseWrite() error {
	s.closed = true
	return s.s.Close()
}

// SetReadDeadline bounds the wait of a Read.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.s.SetReadDeadline(t) }

// SetWriteDeadline bounds the wait of a Write.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.s.SetWriteDeadline(t) }

// Interrupt makes every call on the stream, now and later, fail. Unlike the
// other methods it may be called from anywhere; the stream is still to be
// released.
func (s *Stream) Interrupt() {
	s.s.CancelRead(codeGivenUp)
	s.s.CancelWrite(codeGivenUp)
}

// StopReading tells the peer that no more of the payload is wanted.
func (s *Stream) StopReading() { s.s.CancelRead(codeGivenUp) }

// Release ends the stream in both directions, whatever state it is in. Every
// stream must be released; what was written and closed before still arrives.
func (s *Stream) Release() {
	s.s.CancelRead(codeGivenUp)
	if !s.closed { // cancelling after that would drop what is on its way
		s.s.CancelWrite(codeGivenUp)
	}
	if s.opened {
		s.opened = false
		s.conn.streams.Add(-1)
	}
}

// Malformed closes the whole connection: the peer broke the protocol.
func (s *Stream) Malformed(why error) {
	s.conn.quic.CloseWithError(codeMalformed, why.Error())
}

// Stopped tells whether err means that the peer gave up this one stream, and
// so may have said why in the other direction.
func Stopped(err error) bool {
	var e *quic.StreamError
	return errors.As(err, &e) && e.Remote
}
