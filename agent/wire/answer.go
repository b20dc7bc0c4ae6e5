package wire

import "math"

// Answer is what the acceptor of a chunk says about it on a connection that
// carries many: a stream of its own, as QUIC has, needs no such frame.
type Answer struct {
	Number uint64 // of the chunk: how many headers came on the connection before
	Say    Say
	Bytes  []byte // with SayBytes: what a stream would carry, acknowledgements
}

// Say is what an Answer says.
type Say byte

const (
	SayBytes   Say = 0 // what follows belongs to the chunk's answers
	SayDone    Say = 1 // nothing more will be said, all is in order
	SayGivenUp Say = 2 // nothing more will be said, and no payload is wanted
	SayStop    Say = 3 // no more payload is wanted; the reason follows
)

// Append adds the answer as a frame.
func (a *Answer) Append(b []byte) []byte {
	return appendFrame(b, TypeAnswer, func(b []byte) []byte {
		b = appendUint(b, a.Number)
		b = append(b, byte(a.Say))
		return append(b, a.Bytes...)
	})
}

// ParseAnswer reads an answer's body. Bytes points into it.
func ParseAnswer(body []byte) (Answer, error) {
	f := fields{rest: body}
	a := Answer{Number: f.uint("number", math.MaxInt64), Say: Say(f.byte("answer"))}
	if f.err == nil && (a.Say > SayStop || (a.Say == SayBytes) != (len(f.rest) > 0)) {
		f.fail("answer")
	}
	if f.err == nil && len(f.rest) > 0 {
		a.Bytes, f.rest = f.rest, nil
	}
	return a, f.end()
}
