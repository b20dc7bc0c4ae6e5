package relay

import (
	"bytes"
	"io"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// pieceSize is how many bytes of a write travel together.
const pieceSize = 16 << 10

// half is one direction of a stream in memory: a window of some pieces, an end
// or a reset.
type half struct {
	writes chan []byte // pieces of them
	rest   []byte      // of a write, not yet read
	fin    chan struct{}
	reset  chan struct{}
	once   sync.Once
	by     *memStream // who reset it
}

func newHalf(window int) *half {
	return &half{writes: make(chan []byte, window), fin: make(chan struct{}), reset: make(chan struct{})}
}

func (h *half) cancel(by *memStream) {
	h.once.Do(func() {
		h.by = by
		close(h.reset)
	})
}

// memStream is one end of a stream in memory.
type memStream struct {
	in, out       *half
	readBy, sayBy time.Time
	closed        bool
	broken        *broken
}

// broken is why the connection of both ends was closed.
type broken struct {
	mu  sync.Mutex
	why error
}

func (b *broken) cause() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.why
}

// streamPair returns both ends of a stream that takes window pieces ahead.
func streamPair(window int) (opener, acceptor *memStream) {
	a, b, why := newHalf(window), newHalf(window), &broken{}
	return &memStream{in: a, out: b, broken: why}, &memStream{in: b, out: a, broken: why}
}

func (s *memStream) Read(p []byte) (int, error) {
	if len(s.in.rest) == 0 {
		select {
		case <-s.in.reset:
			return 0, &quic.StreamError{Remote: s.in.by != s}
		case s.in.rest = <-s.in.writes:
		default:
			select {
			case <-s.in.reset:
				return 0, &quic.StreamError{Remote: s.in.by != s}
			case s.in.rest = <-s.in.writes:
			case <-s.in.fin:
				select {
				case s.in.rest = <-s.in.writes:
				default:
					return 0, io.EOF
				}
			case <-deadline(s.readBy):
				return 0, os.ErrDeadlineExceeded
			}
		}
	}
	n := copy(p, s.in.rest)
	s.in.rest = s.in.rest[n:]
	return n, nil
}

func (s *memStream) Write(p []byte) (int, error) {
	select {
	case <-s.out.reset:
		return 0, &quic.StreamError{Remote: s.out.by != s}
	default:
	}
	n := 0
	for n < len(p) {
		part := p[n:min(len(p), n+pieceSize)]
		select {
		case s.out.writes <- bytes.Clone(part):
			n += len(part)
		case <-s.out.reset:
			return n, &quic.StreamError{Remote: s.out.by != s}
		case <-deadline(s.sayBy):
			return n, os.ErrDeadlineExceeded
		}
	}
	return n, nil
}

func deadline(t time.Time) <-chan time.Time {
	if t.IsZero() {
		return nil
	}
	return time.After(time.Until(t))
}

func (s *memStream) CloseWrite() error {
	if !s.closed {
		s.closed = true
		close(s.out.fin)
	}
	return nil
}

func (s *memStream) WriteLast(p []byte) error {
	if _, err := s.Write(p); err != nil {
		return err
	}
	return s.CloseWrite()
}

func (s *memStream) SetReadDeadline(t time.Time) error  { s.readBy = t; return nil }
func (s *memStream) SetWriteDeadline(t time.Time) error { s.sayBy = t; return nil }
func (s *memStream) StopReading()                       { s.in.cancel(s) }

func (s *memStream) Interrupt() {
	s.in.cancel(s)
	s.out.cancel(s)
}

func (s *memStream) Release() {
	s.in.cancel(s)
	if !s.closed {
		s.out.cancel(s)
	}
}

func (s *memStream) Malformed(why error) {
	s.broken.mu.Lock()
	s.broken.why = why
	s.broken.mu.Unlock()
	s.Interrupt()
}
