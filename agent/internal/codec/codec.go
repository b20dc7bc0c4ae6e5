package codec

import (
	"encoding/binary"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/wire"
)

const crcSize = 4

// MaxSegment is how many plain bytes one segment holds at most, so that its
// coded form is the body of one data frame. With its head that is 64 KiB, four
// records of TLS: the head more would be a fifth, of four bytes.
func MaxSegment(c wire.Codec) int {
	n := wire.MaxData - wire.HeadSize
	if c.Has(wire.CodecZstd) {
		n -= slack
	}
	if c.Has(wire.CodecSealed) {
		n -= 1 + crcSize + tagSize
	}
	return n
}

// Encoder codes the payload of one attempt at one chunk.
type Encoder struct {
	codec wire.Codec
	seal  *seal // nil: not sealed
}

// NewEncoder returns an encoder for the payload behind the header. run is the
// run's key, which is needed for a sealed one only.
func NewEncoder(h *wire.Header, run []byte) (*Encoder, error) {
	e := &Encoder{codec: h.Codec}
	if h.Codec.Has(wire.CodecSealed) {
		var err error
		if e.seal, err = newSeal(run, h); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Append adds the next segment, coded, to dst. Only a sealed payload's last
// segment is marked as such, and it alone holds the digest of the plain bytes;
// of a sealed payload without bytes the last segment is empty.
func (e *Encoder) Append(dst, plain []byte, isLast bool, d chunk.Digest) []byte {
	if e.codec == wire.CodecZstd {
		return encoder().EncodeAll(plain, dst)
	}
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	kind := more
	if e.codec.Has(wire.CodecZstd) && len(plain) > 0 {
		*b = encoder().EncodeAll(plain, (*b)[:0])
		plain = *b
	}
	if isLast {
		kind = last
		*b = binary.BigEndian.AppendUint32(append((*b)[:0], plain...), uint32(d))
		plain = *b
	}
	return e.seal.aead.Seal(append(dst, kind), e.seal.next(kind), plain, e.seal.fixed)
}

// Decoder undoes what an Encoder did, for one chunk.
type Decoder struct {
	codec  wire.Codec
	seal   *seal
	sealed []byte // the segment as it was before it was sealed
	plain  []byte
	ended  bool
	digest chunk.Digest // from the last sealed segment
}

// NewDecoder returns a decoder for the payload behind the header.
func NewDecoder(h *wire.Header, run []byte) (*Decoder, error) {
	d := &Decoder{codec: h.Codec}
	if h.Codec.Has(wire.CodecSealed) {
		var err error
		if d.seal, err = newSeal(run, h); err != nil {
			return nil, &objstore.Error{Op: "open", Kind: objstore.KindPermission, Err: err}
		}
	}
	return d, nil
}

// Opened is how many bytes a segment has when it is not sealed any more, if they
// are the plain ones and nothing else; 0 where that is not known before.
func (d *Decoder) Opened(coded []byte) int {
	if d.codec != wire.CodecSealed || len(coded) == 0 || coded[0] != more {
		return 0
	}
	return max(0, len(coded)-1-tagSize)
}

// Segment returns the plain bytes of the next segment, until the next call: in
// room, if that has place for as many as Opened says.
func (d *Decoder) Segment(coded, room []byte) ([]byte, error) {
	if d.seal != nil {
		elsewhere := len(room) == 0 || len(room) != d.Opened(coded)
		if elsewhere {
			room = d.sealed
		}
		opened, err := d.open(coded, room[:0])
		if err != nil {
			return nil, err
		}
		if elsewhere {
			d.sealed = opened
		}
		if coded = opened; len(coded) == 0 {
			return nil, nil
		}
	}
	if !d.codec.Has(wire.CodecZstd) {
		return coded, nil
	}
	plain, err := decoder().DecodeAll(coded, d.plain[:0])
	if err != nil {
		return nil, corrupt("a segment does not decompress: %w", err)
	}
	d.plain = plain
	return plain, nil
}

func (d *Decoder) open(coded, to []byte) (_ []byte, err error) {
	if d.ended {
		return nil, corrupt("a segment came behind the last")
	}
	if len(coded) < 1+tagSize || coded[0] > last {
		return nil, corrupt("a segment is not sealed")
	}
	kind := coded[0]
	opened, err := d.seal.aead.Open(to, d.seal.next(kind), coded[1:], d.seal.fixed)
	if err != nil {
		return nil, corrupt("a segment was changed on the way, or is not in its place")
	}
	if kind != last {
		return opened, nil
	}
	n := len(opened) - crcSize
	if n < 0 {
		return nil, corrupt("the last segment has no digest")
	}
	d.ended, d.digest = true, chunk.Digest(binary.BigEndian.Uint32(opened[n:]))
	return opened[:n], nil
}

// End returns the digest of the plain bytes: the one that came sealed, or that
// of the end mark where nothing was. It fails if the last segment is missing.
func (d *Decoder) End(mark chunk.Digest) (chunk.Digest, error) {
	if d.seal == nil {
		return mark, nil
	}
	if !d.ended {
		return 0, corrupt("the payload was cut off on the way")
	}
	return d.digest, nil
}
