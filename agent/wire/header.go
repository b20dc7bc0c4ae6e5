package wire

import (
	"io"
	"math"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/route"
)

// Codec says what happened to the payload between reader and writers. It is a
// set: compression comes before sealing.
type Codec byte

const (
	CodecPlain  Codec = 0 // segments are the object's bytes
	CodecZstd   Codec = 1 // each segment is a zstd frame of its own
	CodecSealed Codec = 2 // segments and destinations are for writers only
	codecKnown        = CodecZstd | CodecSealed
)

// Has tells whether all of x was done to the payload.
func (c Codec) Has(x Codec) bool { return c&x == x }

// SaltSize is the length in bytes of what makes the key of one attempt.
const SaltSize = 32

// Header opens a stream and describes the one chunk on it.
type Header struct {
	Run     string
	Session string // of the orchestrator; a gateway refuses chunks of another
	Chunk   chunk.ID
	Attempt int32
	Codec   Codec
	Salt    [SaltSize]byte // of a sealed payload
	Length  int64          // bytes of plain payload
	// Route is the tree from the receiver on: its root is the receiver.
	Route route.Node
	// Dests is the destinations' encoding, sealed with a sealed payload. Relays
	// pass it on unread.
	Dests []byte
}

const maxRunName = 64

// Append adds the header as a frame.
func (h *Header) Append(b []byte) []byte {
	return appendFrame(b, TypeHeader, func(b []byte) []byte {
		b = h.AppendFixed(b)
		b = appendNode(b, &h.Route)
		b = appendUint(b, uint64(len(h.Dests)))
		return append(b, h.Dests...)
	})
}

// AppendFixed adds the part of the header that is the same at every gateway of
// the route: its first fields, up to the length. A seal binds the payload to
// it.
func (h *Header) AppendFixed(b []byte) []byte {
	b = append(b, Version)
	b = appendString(b, h.Run)
	b = appendString(b, h.Session)
	b = appendUint(b, uint64(h.Chunk.Object))
	b = appendUint(b, uint64(h.Chunk.Index))
	b = appendUint(b, uint64(h.Attempt))
	b = append(b, byte(h.Codec))
	if h.Codec.Has(CodecSealed) {
		b = append(b, h.Salt[:]...)
	}
	return appendUint(b, uint64(h.Length))
}

// MaxPayload is the most bytes that the bodies of the chunk's data frames may
// have together: its length where they are plain, a little more where a codec
// adds to them.
func (h *Header) MaxPayload() int64 {
	if h.Codec == CodecPlain {
		return h.Length
	}
	const slack = 1 << 10 // for the first segment and the last
	return h.Length + min(h.Length/256, math.MaxInt64-h.Length-slack) + slack
}

// ReadHeader reads the frame that opens a stream.
func ReadHeader(r io.Reader) (Header, error) {
	body, err := readBody(r, TypeHeader)
	if err != nil {
		return Header{}, err
	}
	return ParseHeader(body)
}

// ParseHeader reads a header's body. Dests points into it.
func ParseHeader(body []byte) (Header, error) {
	f := fields{rest: body}
	checkVersion(&f)
	h := Header{
		Run:     f.string("run", maxRunName),
		Session: f.string("session", maxRunName),
		Chunk: chunk.ID{
			Object: int64(f.uint("object", math.MaxInt64)),
			Index:  int32(f.uint("chunk index", math.MaxInt32)),
		},
		Attempt: int32(f.uint("attempt", math.MaxInt32)),
		Codec:   Codec(f.byte("codec")),
	}
	if f.err == nil && h.Codec > codecKnown {
		return Header{}, malformed("unknown codec %d", h.Codec)
	}
	if h.Codec.Has(CodecSealed) {
		copy(h.Salt[:], f.raw("salt", SaltSize))
	}
	h.Length = int64(f.uint("length", math.MaxInt64))
	nodes := 0
	h.Route = parseNode(&f, 1, &nodes)
	h.Dests = f.bytes("destinations", MaxHeader)
	if err := f.end(); err != nil {
		return Header{}, err
	}
	if err := h.Route.Validate(); err != nil {
		return Header{}, malformed("%v", err)
	}
	return h, nil
}

func appendNode(b []byte, n *route.Node) []byte {
	b = appendString(b, string(n.Gateway))
	b = append(b, byte(len(n.Writes)))
	for _, d := range n.Writes {
		b = append(b, byte(d))
	}
	b = append(b, byte(len(n.Children)))
	for i := range n.Children {
		b = appendNode(b, &n.Children[i])
	}
	return b
}

func parseNode(f *fields, depth int, nodes *int) route.Node {
	if *nodes++; depth > route.MaxDepth || *nodes > route.MaxNodes {
		f.fail("route: too large")
		return route.Node{}
	}
	n := route.Node{Gateway: route.Gateway(f.string("gateway", route.MaxName))}
	for range f.byte("writes") {
		n.Writes = append(n.Writes, route.Dest(f.byte("destination")))
	}
	for range f.byte("children") {
		if f.err != nil {
			break
		}
		n.Children = append(n.Children, parseNode(f, depth+1, nodes))
	}
	return n
}

// checkVersion takes the first byte of what opens a stream.
func checkVersion(f *fields) {
	if v := f.byte("version"); f.err == nil && v != Version {
		f.err = malformed("protocol version %d, this is %d: all agents of a run must be of one release", v, Version)
		f.rest = nil
	}
}
