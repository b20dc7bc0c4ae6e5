package link

import (
	"sync"
	"time"
)

// alarm is the deadline of one direction of a QUIC stream. With quic-go's own
// every call that waits makes a timer and every packet is a look at the clock;
// a payload moves its deadline with each frame. This one is moved by noting a
// time: its timer, when it fires early, only goes on until then.
type alarm struct {
	ring func(time.Time) error // sets quic-go's deadline, which never fails

	mu    sync.Mutex
	at    time.Time // zero: no deadline
	timer *time.Timer
	armed time.Time // when the timer fires; zero: it does not
	rang  bool      // quic-go's deadline has passed
}

// set moves the deadline.
func (a *alarm) set(t time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = t
	if a.rang {
		a.rang = false
		if err := a.ring(time.Time{}); err != nil {
			return err
		}
	}
	if !t.IsZero() && (a.armed.IsZero() || t.Before(a.armed)) {
		a.arm(time.Until(t))
	}
	return nil
}

// arm makes the timer fire when a.at has come. The caller holds mu.
func (a *alarm) arm(wait time.Duration) {
	a.armed = a.at
	if a.timer == nil {
		a.timer = time.AfterFunc(wait, a.fire)
	} else {
		a.timer.Reset(wait)
	}
}

func (a *alarm) fire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armed = time.Time{}
	if a.at.IsZero() {
		return
	}
	if wait := time.Until(a.at); wait > 0 {
		a.arm(wait)
		return
	}
	a.rang = true
	_ = a.ring(time.Unix(1, 0))
}

// stop lets go of the timer, which would hold the stream.
func (a *alarm) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Time{}
	if a.timer != nil {
		a.timer.Stop()
	}
}
