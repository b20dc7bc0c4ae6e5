package agenttest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/skyctl/skyctl/agent/route"
)

// TCP on the simulated network: what is written arrives after the delay, as
// long as the receiver's buffer of simBuffer bytes has room; while a link is
// cut nothing arrives, and after lostAfter its connections end, as they do on
// a real one whose sockets are set up so.
const (
	simBuffer = 1 << 20
	lostAfter = 8 * time.Second
)

// Listen opens a TCP port of the gateway's host, at the socket's number.
func (s *Sim) Listen(_ route.Gateway, socket net.Addr) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	udp := socket.(*net.UDPAddr)
	l := &simListener{sim: s, addr: &net.TCPAddr{IP: udp.IP, Port: udp.Port}, arrived: make(chan net.Conn, 16), closed: make(chan struct{})}
	s.listeners[l.addr.String()] = l
	return l, nil
}

// Dial connects the gateway's host to an address.
func (s *Sim) Dial(ctx context.Context, name route.Gateway, address string) (net.Conn, error) {
	s.mu.Lock()
	s.ports++
	from := &net.TCPAddr{IP: s.host(name), Port: 1024 + s.ports}
	l := s.listeners[address]
	s.mu.Unlock()
	to, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, err
	}
	late := time.NewTimer(2 * s.delay)
	defer late.Stop()
	select {
	case <-late.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.isCut(from.IP, to.IP) {
		<-ctx.Done() // which has an end: nobody answers
		return nil, ctx.Err()
	}
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: syscall.ECONNREFUSED}
	}
	there, back := newWay(s), newWay(s)
	here := &simConn{in: back, out: there, from: from, to: to}
	far := &simConn{in: there, out: back, from: to, to: from}
	here.far, far.far = far, here
	here.sim, far.sim = s, s
	s.mu.Lock()
	s.conns[here] = struct{}{}
	s.mu.Unlock()
	select {
	case l.arrived <- far:
		return here, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: syscall.ECONNREFUSED}
	}
}

func (s *Sim) isCut(a, b net.IP) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cut[linkOf(a, b)]
}

// cutTCP ends the connections across a link that is still cut after lostAfter.
func (s *Sim) cutTCP(x link) {
	time.AfterFunc(lostAfter, func() {
		s.mu.Lock()
		var lost []*simConn
		for c := range s.conns {
			if s.cut[x] && linkOf(c.from.IP, c.to.IP) == x {
				lost = append(lost, c)
			}
		}
		s.mu.Unlock()
		for _, c := range lost {
			for _, w := range []*way{c.in, c.out} {
				w.end(syscall.ETIMEDOUT)
			}
		}
	})
}

type simListener struct {
	sim     *Sim
	addr    *net.TCPAddr
	arrived chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *simListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.arrived:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *simListener) Close() error {
	l.once.Do(func() {
		l.sim.mu.Lock()
		delete(l.sim.listeners, l.addr.String())
		l.sim.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *simListener) Addr() net.Addr { return l.addr }

// way is one direction of a connection.
type way struct {
	sim *Sim

	mu      sync.Mutex
	pieces  []piece // on their way, or there and not yet read
	size    int     // bytes of them
	err     error   // why it is over; io.EOF when the writer closed it
	changed chan struct{}
}

type piece struct {
	bytes []byte
	at    time.Time // when it arrives
}

func newWay(s *Sim) *way { return &way{sim: s, changed: make(chan struct{})} }

// wake tells both sides that something changed. The caller holds mu.
func (w *way) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *way) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil || w.err == io.EOF {
		w.err = err
	}
	w.wake()
}

// deadline is one of a connection's, with a signal when it is set anew.
type deadline struct {
	mu  sync.Mutex
	t   time.Time
	set chan struct{}
}

func (d *deadline) change(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.t = t
	if d.set != nil {
		close(d.set)
	}
	d.set = make(chan struct{})
}

// wait returns at until, when something changes, or with an error when the
// deadline has passed.
func (d *deadline) wait(changed <-chan struct{}, until time.Time) error {
	d.mu.Lock()
	if d.set == nil {
		d.set = make(chan struct{})
	}
	by, set := d.t, d.set
	d.mu.Unlock()
	late := !by.IsZero() && (until.IsZero() || by.Before(until))
	if late {
		until = by
	}
	var then <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		then = t.C
	}
	select {
	case <-changed:
	case <-set:
	case <-then:
		if late {
			return &net.OpError{Op: "wait", Net: "tcp", Err: os.ErrDeadlineExceeded}
		}
	}
	return nil
}

// simConn is one end of a connection.
type simConn struct {
	sim          *Sim
	far          *simConn
	in, out      *way
	from, to     *net.TCPAddr
	reads, write deadline
	once         sync.Once
}

func (c *simConn) Read(p []byte) (int, error) {
	for {
		c.in.mu.Lock()
		changed := c.in.changed
		c.in.mu.Unlock()
		n, until, err := c.in.take(p, c.sim.isCut(c.from.IP, c.to.IP))
		if n > 0 || err != nil {
			return n, err
		}
		if err := c.reads.wait(changed, until); err != nil {
			return 0, err
		}
	}
}

// take returns what has arrived, or when more will, if that is known.
func (w *way) take(p []byte, cut bool) (n int, until time.Time, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil && (w.err != io.EOF || len(w.pieces) == 0):
		return 0, until, w.err
	case len(w.pieces) == 0 || cut:
		return 0, until, nil
	}
	first := &w.pieces[0]
	if time.Now().Before(first.at) {
		return 0, first.at, nil
	}
	n = copy(p, first.bytes)
	if first.bytes = first.bytes[n:]; len(first.bytes) == 0 {
		w.pieces = w.pieces[1:]
	}
	w.size -= n
	w.wake()
	return n, until, nil
}

func (c *simConn) Write(p []byte) (n int, _ error) {
	w := c.out
	for n < len(p) {
		w.mu.Lock()
		if w.err != nil {
			defer w.mu.Unlock()
			return n, errors.Join(w.err, net.ErrClosed)
		}
		if room := min(simBuffer-w.size, len(p)-n); room > 0 {
			w.pieces = append(w.pieces, piece{append([]byte(nil), p[n:n+room]...), time.Now().Add(w.sim.delay)})
			w.size += room
			n += room
			w.wake()
			w.mu.Unlock()
			continue
		}
		changed := w.changed
		w.mu.Unlock()
		if err := c.write.wait(changed, time.Time{}); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *simConn) Close() error {
	c.once.Do(func() {
		c.in.end(net.ErrClosed)
		c.out.mu.Lock()
		if c.out.err == nil {
			c.out.err = io.EOF
		}
		c.out.wake()
		c.out.mu.Unlock()
		c.sim.mu.Lock()
		delete(c.sim.conns, c)
		delete(c.sim.conns, c.far)
		c.sim.mu.Unlock()
	})
	return nil
}

func (c *simConn) LocalAddr() net.Addr  { return c.from }
func (c *simConn) RemoteAddr() net.Addr { return c.to }

func (c *simConn) SetDeadline(t time.Time) error {
	c.reads.change(t)
	c.write.change(t)
	return nil
}

func (c *simConn) SetReadDeadline(t time.Time) error {
	c.reads.change(t)
	return nil
}

func (c *simConn) SetWriteDeadline(t time.Time) error {
	c.write.change(t)
	return nil
}
