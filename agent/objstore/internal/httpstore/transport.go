package httpstore

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	// DialTimeout bounds connecting and, separately, the TLS handshake. Together
	// they are below the 15 s in which what can be checked must be answered.
	DialTimeout = 4 * time.Second

	// idleConns is how many connections to one host are kept: more than a
	// gateway has chunks in flight, or the surplus would be closed and dialled
	// again for each.
	idleConns = 512

	// smallMessage holds the headers and the bytes of a small object, which then
	// cost one system call, in bytes.
	smallMessage = 8 << 10

	// maxWrite bounds the bytes that one deadline covers.
	maxWrite = 256 << 10
)

// Patience is how long a connection may stand still before it is given up. No
// bound on a whole request would do: a body takes as long as its size and the
// network want.
type Patience struct {
	Bytes  time.Duration // within a body, in either direction
	Answer time.Duration // between a request and the first byte of its answer
}

// DefaultPatience: a store that commits a large object may think for long,
// while one that sends does not pause.
var DefaultPatience = Patience{Bytes: 30 * time.Second, Answer: 2 * time.Minute}

// Tune sets t up for many parallel requests to one host, none of which waits
// forever. HTTP/2 would put all of them on one TCP connection.
func Tune(t *http.Transport, p Patience) {
	dialer := &net.Dialer{Timeout: DialTimeout, KeepAlive: 30 * time.Second}
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c, patience: p}, nil
	}
	t.TLSHandshakeTimeout = DialTimeout
	t.MaxIdleConns = 0 // no limit over all hosts
	t.MaxIdleConnsPerHost = idleConns
	t.MaxConnsPerHost = 0
	t.IdleConnTimeout = p.Bytes
	t.ReadBufferSize, t.WriteBufferSize = smallMessage, smallMessage
	t.DisableCompression = true // bytes as they are stored
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
}

// errStalled is what becomes of a deadline.
var errStalled = errors.New("the connection stood still for too long")

// conn gives every read and write a deadline from the last progress in either
// direction: HTTP reads for an answer while it still sends the request.
type conn struct {
	net.Conn
	patience Patience
	stood    atomic.Bool // still for too long, in one direction: then it is closed for the other
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == nil {
		// The next bytes of the same answer. A request that follows on this
		// connection is written first, and that sets another deadline.
		err = c.SetReadDeadline(time.Now().Add(c.patience.Bytes))
	}
	return n, c.stalled(err)
}

func (c *conn) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		now := time.Now()
		if err = c.SetWriteDeadline(now.Add(c.patience.Bytes)); err == nil {
			err = c.SetReadDeadline(now.Add(c.patience.Answer))
		}
		if err == nil {
			m, err = c.Conn.Write(p[n:min(len(p), n+maxWrite)])
		}
		n += m
	}
	return n, c.stalled(err)
}

func (c *conn) stalled(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stood.Store(true)
	}
	if err != nil && c.stood.Load() {
		return errStalled
	}
	return err
}
