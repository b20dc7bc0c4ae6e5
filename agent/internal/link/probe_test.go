package link

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/skyctl/skyctl/agent/wire"
)

// sink takes what is written, up to a number of writes.
type sink struct {
	Stream
	bytes.Buffer
	room   int
	closed int
}

func (s *sink) Read(p []byte) (int, error) { return s.Buffer.Read(p) }

func (s *sink) Write(p []byte) (int, error) {
	if s.room--; s.room < 0 {
		return 0, errStopped
	}
	return s.Buffer.Write(p)
}

func (s *sink) CloseWrite() error {
	s.closed++
	return nil
}

// TestALoadEndsItsPayloadOnce: with one ABORT, after which nothing more may
// come of it, or not at all where the peer wants no more.
func TestALoadEndsItsPayloadOnce(t *testing.T) {
	for _, c := range []struct {
		name         string
		room         int
		data, aborts int
		closed       int
		most         int64
	}{
		{"enough was sent", 100, 3, 1, 1, 3 * wire.MaxData},
		{"the peer has enough", 3, 2, 0, 0, 1 << 40},
	} {
		s := &sink{room: c.room}
		load(s, time.Second, c.most)
		if _, _, err := wire.ReadOpening(s); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		buf := make([]byte, wire.MaxFrame)
		data, aborts := 0, 0
		for {
			f, err := wire.Read(s, buf)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			switch f.Type {
			case wire.TypeData:
				data++
			case wire.TypeAbort:
				aborts++
				if _, err := wire.ParseAbort(f.Body); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
			}
		}
		if data != c.data || aborts != c.aborts || s.closed != c.closed {
			t.Errorf("%s: %d frames of data, %d aborts, closed %d times", c.name, data, aborts, s.closed)
		}
	}
}
