package gauge

import (
	"github.com/skyctl/skyctl/agent/internal/link"
	"github.com/skyctl/skyctl/agent/route"
)

// Sender counts a stream that was opened to a peer: what is written is payload,
// what is read acknowledgements.
func (g *Gauge) Sender(to route.Gateway, s link.Stream) link.Stream {
	p := g.peer(to)
	p.chunksOut.Add(1)
	return &sender{s, p}
}

// Receiver counts a stream that a peer opened.
func (g *Gauge) Receiver(from route.Gateway, s link.Stream) link.Stream {
	p := g.peer(from)
	p.chunksIn.Add(1)
	return &receiver{s, p}
}

type sender struct {
	link.Stream
	peer *peer
}

func (s *sender) Write(b []byte) (int, error) {
	s.peer.send.Begin()
	defer s.peer.send.End()
	n, err := s.Stream.Write(b)
	s.peer.out.Add(int64(n))
	return n, err
}

func (s *sender) Read(b []byte) (int, error) {
	s.peer.ack.Begin()
	defer s.peer.ack.End()
	n, err := s.Stream.Read(b)
	s.peer.in.Add(int64(n))
	return n, err
}

type receiver struct {
	link.Stream
	peer *peer
}

func (r *receiver) Read(b []byte) (int, error) {
	r.peer.receive.Begin()
	defer r.peer.receive.End()
	n, err := r.Stream.Read(b)
	r.peer.in.Add(int64(n))
	return n, err
}

func (r *receiver) WriteLast(b []byte) error {
	err := r.Stream.WriteLast(b)
	if err == nil {
		r.peer.out.Add(int64(len(b)))
	}
	return err
}

func (r *receiver) Write(b []byte) (int, error) {
	n, err := r.Stream.Write(b)
	r.peer.out.Add(int64(n))
	return n, err
}
