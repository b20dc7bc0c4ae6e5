package link

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// tcpConn is what lies under TLS. It gathers the records of one write of ours
// into one write to the kernel, and a write fails when the peer has taken
// nothing for stalledAfter, however much it took before.
type tcpConn struct {
	net.Conn
	holding bool   // records are kept in out; between hold and flush
	out     []byte // by one writer at a time
	sent    atomic.Int64
	closed  func() // once, when it is closed; may be nil
	once    sync.Once
}

// keepOut is how large a buffer of records a connection keeps: a data frame's.
const keepOut = 80 << 10

// looks is how often in stalledAfter it is seen whether a write gets on.
const looks = 10

func (c *tcpConn) Write(p []byte) (int, error) {
	if c.holding {
		c.out = append(c.out, p...)
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// hold keeps back what is written until flush.
func (c *tcpConn) hold() { c.holding = true }

// flush sends what was kept back.
func (c *tcpConn) flush() error {
	c.holding = false
	b := c.out
	c.out = c.out[:0]
	if cap(c.out) > keepOut {
		c.out = nil
	}
	for idle := 0; len(b) > 0; {
		if err := c.SetWriteDeadline(time.Now().Add(stalledAfter / looks)); err != nil {
			return err
		}
		n, err := c.Conn.Write(b)
		c.sent.Add(int64(n))
		b = b[n:]
		if idle++; n > 0 {
			idle = 0
		}
		if err != nil && (idle == looks || !isDeadline(err)) {
			return err
		}
	}
	return nil
}

func (c *tcpConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() {
		if c.closed != nil {
			c.closed()
		}
	})
	return err
}

// dialTCP connects by the machine's TCP, set up for bulk data.
func dialTCP(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: aliveTCP, Control: controlTCP}
	return d.DialContext(ctx, "tcp", address)
}

// listenTCP listens with the same settings; accepted connections inherit them.
func listenTCP(address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: aliveTCP, Control: controlTCP}
	ln, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return ln, nil
}

// aliveTCP finds a peer that vanished while nothing is sent to it in about
// idleTimeout.
var aliveTCP = net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive, Count: int(idleTimeout/keepAlive) - 1}
