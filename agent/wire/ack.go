package wire

import (
	"encoding/binary"
	"io"
	"math"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// Verified says how a writer checked the digest of a whole object.
type Verified byte

const (
	VerifiedNot   Verified = 0 // a part: the commit checks the object
	VerifiedStore Verified = 1 // the store reported the same digest
	VerifiedRead  Verified = 2 // the object was read back
)

// Ack answers for one destination of the chunk: it is written, durably, or it
// is not and will not be.
type Ack struct {
	Chunk    chunk.ID
	Attempt  int32
	Dest     route.Dest
	Digest   chunk.Digest // of the plain bytes that were written
	Token    string       // what the store wants back at commit
	Verified Verified
	Lost     objstore.Fields // of the whole object's metadata: what its store cannot keep
	Failure  *Failure        // nil: written
}

const (
	maxToken  = 1 << 10
	maxFields = math.MaxUint16
)

// Append adds the acknowledgement as a frame.
func (a *Ack) Append(b []byte) []byte {
	return appendFrame(b, TypeAck, func(b []byte) []byte {
		b = appendUint(b, uint64(a.Chunk.Object))
		b = appendUint(b, uint64(a.Chunk.Index))
		b = appendUint(b, uint64(a.Attempt))
		b = append(b, byte(a.Dest))
		if a.Failure != nil {
			return appendFailure(append(b, 1), a.Failure)
		}
		b = binary.BigEndian.AppendUint32(append(b, 0), uint32(a.Digest))
		b = appendString(b, a.Token)
		return appendUint(append(b, byte(a.Verified)), uint64(a.Lost))
	})
}

// ReadAck reads the next acknowledgement. It returns io.EOF where the stream
// ends between two.
func ReadAck(r io.Reader) (Ack, error) {
	body, err := readBody(r, TypeAck)
	if err != nil {
		return Ack{}, err
	}
	return ParseAck(body)
}

// ParseAck reads an acknowledgement's body.
func ParseAck(body []byte) (Ack, error) {
	f := fields{rest: body}
	a := Ack{
		Chunk: chunk.ID{
			Object: int64(f.uint("object", math.MaxInt64)),
			Index:  int32(f.uint("chunk index", math.MaxInt32)),
		},
		Attempt: int32(f.uint("attempt", math.MaxInt32)),
		Dest:    route.Dest(f.byte("destination")),
	}
	if f.flag("result") {
		why := parseFailure(&f)
		a.Failure = &why
		return a, f.end()
	}
	a.Digest = chunk.Digest(f.uint32("digest"))
	a.Token = f.string("token", maxToken)
	if a.Verified = Verified(f.byte("verified")); a.Verified > VerifiedRead {
		f.fail("verified")
	}
	a.Lost = objstore.Fields(f.uint("lost fields", maxFields))
	return a, f.end()
}
