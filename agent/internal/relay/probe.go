package relay

import (
	"time"

	"github.com/skyctl/skyctl/agent/wire"
)

// probe counts a payload that is dropped, and tells the sender how much came
// in the window that it asked for. The first frame starts the window and does
// not count: how long it took is not known.
func (r *Relay) probe(s Stream, body []byte) error {
	p, err := wire.ParseProbe(body)
	if err != nil {
		return err
	}
	buf := Buffer()
	defer Return(buf)
	in := &counted{Stream: s}
	var start time.Time
	for {
		f, err := wire.Read(in, *buf)
		if err != nil && !start.IsZero() && time.Since(start) >= p.Window {
			break // the deadline
		}
		if err != nil {
			return err
		}
		if f.Type != wire.TypeData {
			break
		}
		if start.IsZero() {
			start, in.bytes = time.Now(), 0
			if err := s.SetReadDeadline(start.Add(p.Window)); err != nil {
				return err
			}
		}
	}
	count := wire.Count{Bytes: in.bytes}
	if !start.IsZero() {
		count.Took = time.Since(start)
	}
	s.StopReading()
	r.answer(s, 1, func(yield func(wire.Ack)) { yield(wire.Ack{Token: count.Token()}) })
	return nil
}

// counted counts what is read, also of a frame that does not become whole: on a
// slow connection that is much of what comes in a window.
type counted struct {
	Stream
	bytes int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	c.bytes += int64(n)
	return n, err
}
