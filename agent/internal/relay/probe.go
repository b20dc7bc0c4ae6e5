package relay

import (
	"time"

	"github.com/skyctl/skyctl/agent/wire"
)

// maxProbed ends a probe of a fast path before its window does, in bytes.
const maxProbed = 32 << 20

// probe counts a payload that is dropped, and tells the sender how much came
// in the window that it asked for.
func (r *Relay) probe(s Stream, body []byte) error {
	p, err := wire.ParseProbe(body)
	if err != nil {
		return err
	}
	buf := Buffer()
	defer Return(buf)
	var count wire.Count
	var start time.Time
	for count.Bytes < maxProbed {
		f, err := wire.Read(s, *buf)
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
			start = time.Now()
			if err := s.SetReadDeadline(start.Add(p.Window)); err != nil {
				return err
			}
		}
		count.Bytes, count.Took = count.Bytes+int64(len(f.Body)), time.Since(start)
	}
	s.StopReading()
	r.answer(s, func(yield func(wire.Ack)) { yield(wire.Ack{Token: count.Token()}) })
	return nil
}
