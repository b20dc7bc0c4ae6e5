package wire

import (
	"encoding/binary"

	"github.com/skyctl/skyctl/agent/chunk"
)

// AppendEnd adds the frame that ends a payload: the digest of its plain bytes.
func AppendEnd(b []byte, d chunk.Digest) []byte {
	return appendFrame(b, TypeEnd, func(b []byte) []byte {
		return binary.BigEndian.AppendUint32(b, uint32(d))
	})
}

// ParseEnd reads an end's body.
func ParseEnd(body []byte) (chunk.Digest, error) {
	f := fields{rest: body}
	d := chunk.Digest(f.uint32("digest"))
	return d, f.end()
}
