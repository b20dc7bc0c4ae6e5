package link

import (
	"context"
	"errors"
	"time"
)

// fallbackAfter is how long QUIC has for a handshake before TLS is tried too:
// as long as in a probe.
const fallbackAfter = 1200 * time.Millisecond

// dialed is the outcome of a dial.
type dialed struct {
	conn    conn
	release func()
	err     error
}

// dialEither connects over QUIC or, where that fails or takes long, over
// whichever transport is there first. Each dial decides anew: UDP that was
// blocked may get through again.
func (e *Endpoint) dialEither(ctx context.Context, p *peer) (conn, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	late := time.NewTimer(fallbackAfter)
	defer late.Stop()
	quic, tls := make(chan dialed), make(chan dialed)
	dial := func(over func(context.Context, *peer) (conn, func(), error), to chan<- dialed) {
		go func() { // ends when its outcome is taken, below
			c, release, err := over(ctx, p)
			to <- dialed{c, release, err}
		}()
	}
	dial(e.dialQUIC, quic)
	var first, second dialed
	select {
	case first = <-quic:
		if first.err == nil || ctx.Err() != nil {
			return first.conn, first.release, first.err
		}
		dial(e.dialTLS, tls)
		second = <-tls
	case <-late.C:
		dial(e.dialTLS, tls)
		select {
		case first = <-quic:
			if first.err == nil {
				cancel()
			}
			second = <-tls
		case first = <-tls:
			if first.err == nil {
				cancel()
			}
			second = <-quic
		}
	}
	switch {
	case first.err == nil && second.err == nil: // it was too late to cancel
		second.release()
		return first.conn, first.release, nil
	case first.err == nil:
		return first.conn, first.release, nil
	case second.err == nil:
		return second.conn, second.release, nil
	}
	return nil, nil, errors.Join(first.err, second.err)
}
