package link

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Transport is how a connection carries streams.
type Transport string

const (
	QUIC Transport = "quic"
	TLS  Transport = "tls" // TLS 1.3 over TCP
)

// Stream carries one chunk and its acknowledgements. It is used by one
// goroutine for each direction.
type Stream interface {
	// Read reads what the peer sent; io.EOF is its orderly end.
	Read(p []byte) (int, error)
	// Write sends whole frames, waiting while the peer takes nothing.
	Write(p []byte) (int, error)
	// CloseWrite says that nothing more will be written.
	CloseWrite() error
	// WriteLast is Write and then CloseWrite, in as few packets as can be.
	WriteLast(p []byte) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	// StopReading tells the peer that no more of the payload is wanted.
	StopReading()
	// Interrupt makes every call on the stream, now and later, fail. Unlike
	// the other methods it may be called from anywhere; the stream is still to
	// be released.
	Interrupt()
	// Release ends the stream in both directions, whatever state it is in.
	// Every stream must be released; what was written and closed before still
	// arrives.
	Release()
	// Malformed closes the whole connection: the peer broke the protocol.
	Malformed(why error)
}

// conn is one connection, over whichever transport.
type conn interface {
	// open opens a stream. finished is called once, when the connection is
	// free for another as far as this one goes.
	open(ctx context.Context, finished func()) (Stream, error)
	// accept returns the next stream that the peer opens.
	accept(ctx context.Context) (Stream, error)
	// Context ends with the connection; its cause is why.
	Context() context.Context
	close(code byte, why string)
	over() Transport
	// atOnce is how many streams this side may have open at a time.
	atOnce() int
	// moved is how many bytes were sent, where streams wait for each other.
	moved() int64
	// measure tells what the transport knows of the path.
	measure() (Path, error)
}

// Path is what a transport has measured of the way to a peer.
type Path struct {
	RTT        time.Duration // smoothed
	Sent, Lost int64         // packets; for TLS segments, and those sent anew
	Holds      bool          // its rate through loss, as BBR does
}

// Application codes with which connections and streams are closed.
const (
	codeDone      = 0 // orderly end
	codeMalformed = 1 // the peer broke the protocol
	codeRefused   = 2 // not a peer of this run, or an unknown ALPN
	codeGivenUp   = 3 // this stream's chunk was given up
)

// Patience. A connection is given up before a stream on it counts as stalled,
// after four keep-alives, or any number of packets sent anew, without an
// answer; every chunk on it is then answered for at once. stalledAfter is how
// long a peer may take nothing that it is sent, or have no place for a stream.
const (
	handshakeTimeout = 5 * time.Second
	keepAlive        = 2 * time.Second
	idleTimeout      = 8 * time.Second
	stalledAfter     = 10 * time.Second
	goodbyeWithin    = time.Second
)

// errStopped is that the peer gave up this one stream.
var errStopped = errors.New("the peer wants no more of it")

// errInterrupted is what calls on an interrupted stream return.
var errInterrupted = errors.New("the stream was interrupted")

// Stopped tells whether err means that the peer gave up this one stream, and
// so may have said why in the other direction.
func Stopped(err error) bool { return errors.Is(err, errStopped) || stoppedQUIC(err) }

// ended is why a connection is no more, in words for the user.
func ended(name any, cause error) error {
	return fmt.Errorf("the connection to %s ended: %w", name, cause)
}
