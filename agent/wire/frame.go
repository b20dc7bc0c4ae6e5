package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Version is the protocol's. It is the first byte of every header, and part of
// ALPN, so peers of different versions part before they exchange a chunk.
const Version = 1

// ALPN names the data plane in the TLS handshake.
const ALPN = "skyctl/1"

// Type says what a frame is.
type Type byte

const (
	TypeHeader Type = 1
	TypeData   Type = 2
	TypeEnd    Type = 3
	TypeAbort  Type = 4
	TypeAck    Type = 5
	TypeAnswer Type = 6 // TLS only
	TypeBye    Type = 7 // TLS only
	TypeProbe  Type = 8
)

// Opens tells whether a frame of this type is the first of a stream.
func (t Type) Opens() bool { return t == TypeHeader || t == TypeProbe }

// Ends tells whether a frame of this type is the last of a payload.
func (t Type) Ends() bool { return t == TypeEnd || t == TypeAbort }

// HeadSize is the length of a frame's head in bytes: its type and, big-endian
// in three bytes, the length of its body.
const HeadSize = 4

// Limits of a body in bytes. A frame that exceeds its limit is malformed, and
// is refused before its body is read.
const (
	MaxHeader = 64 << 10
	MaxData   = 64 << 10
	MaxAbort  = 2 << 10
	MaxAck    = 4 << 10
	MaxAnswer = 8 << 10
	MaxBye    = 2 << 10
	endSize   = 4
)

// MaxFrame is the longest frame, head included: the size of a frame buffer.
const MaxFrame = HeadSize + max(MaxHeader, MaxData)

// ErrMalformed is in the chain of every error about bytes that break the
// protocol. Whoever receives them ends the connection.
var ErrMalformed = errors.New("malformed frame")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// Frame is one frame as it came: Raw is all of it, Body the part behind the
// head. Both point into the buffer that it was read into, but that Raw is nil
// where the body was placed elsewhere.
type Frame struct {
	Type Type
	Raw  []byte
	Body []byte
}

// Read reads one frame into buf, which must have MaxFrame bytes. It returns
// io.EOF only where the stream ends between frames.
func Read(r io.Reader, buf []byte) (Frame, error) { return ReadPlaced(r, buf, nil) }

// ReadPlaced reads one frame as Read does. The body of a data frame, of n
// bytes, goes to where place says, unless it says nil: what is to stay
// somewhere need not pass through buf.
func ReadPlaced(r io.Reader, buf []byte, place func(n int) []byte) (Frame, error) {
	t, n, err := readHead(r, buf[:HeadSize])
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Type: t}
	if t == TypeData && place != nil {
		f.Body = place(n)
	}
	if f.Body == nil {
		f.Raw = buf[:HeadSize+n]
		f.Body = f.Raw[HeadSize:]
	}
	if _, err := io.ReadFull(r, f.Body); err != nil {
		return Frame{}, early(err)
	}
	return f, nil
}

// ReadOpening reads the frame that opens a stream, and returns its body.
func ReadOpening(r io.Reader) (Type, []byte, error) { return readDue(r, Type.Opens) }

// readBody reads one frame that must be of type want and returns its body.
func readBody(r io.Reader, want Type) ([]byte, error) {
	_, body, err := readDue(r, func(t Type) bool { return t == want })
	return body, err
}

// readDue reads one frame of a type that is due. It needs no buffer while it
// waits, and takes memory as the bytes arrive, not as they are announced:
// whoever opens streams and says nothing costs little.
func readDue(r io.Reader, due func(Type) bool) (Type, []byte, error) {
	head := make([]byte, HeadSize)
	t, n, err := readHead(r, head)
	if err != nil {
		return 0, nil, err
	}
	if !due(t) {
		return t, nil, malformed("type %d is not due here", t)
	}
	const enough = 2 << 10 // for nearly every header and acknowledgement
	body := make([]byte, min(n, enough))
	for got := 0; ; {
		m, err := io.ReadFull(r, body[got:])
		if got += m; err != nil {
			return t, nil, early(err)
		}
		if got == n {
			return t, body, nil
		}
		body = append(body, make([]byte, min(n-got, got))...)
	}
}

func readHead(r io.Reader, head []byte) (Type, int, error) {
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, 0, err
	}
	return ParseHead(head)
}

// ParseHead reads the head of a frame: its type and the size of its body, which
// is within the type's limits.
func ParseHead(head []byte) (Type, int, error) {
	t, n := Type(head[0]), bodySize(head)
	return t, n, checkSize(t, n)
}

// early is the error for a stream that ends within a frame.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func bodySize(head []byte) int {
	return int(head[1])<<16 | int(head[2])<<8 | int(head[3])
}

func checkSize(t Type, n int) error {
	low, high := 0, 0
	switch t {
	case TypeHeader:
		low, high = 1, MaxHeader
	case TypeData:
		low, high = 1, MaxData
	case TypeEnd:
		low, high = endSize, endSize
	case TypeAbort:
		low, high = 1, MaxAbort
	case TypeAck:
		low, high = 1, MaxAck
	case TypeAnswer:
		low, high = 2, MaxAnswer
	case TypeBye:
		low, high = 2, MaxBye
	case TypeProbe:
		low, high = 2, 4
	default:
		return malformed("unknown type %d", t)
	}
	if n < low || n > high {
		return malformed("type %d has a body of %d bytes, not %d to %d", t, n, low, high)
	}
	return nil
}

// PutHead writes the head of a frame whose body of n bytes follows in place.
func PutHead(head []byte, t Type, n int) {
	binary.BigEndian.PutUint32(head, uint32(t)<<24|uint32(n))
}

// appendFrame adds a frame whose body is what fill appends.
func appendFrame(b []byte, t Type, fill func([]byte) []byte) []byte {
	start := len(b)
	b = fill(append(b, 0, 0, 0, 0))
	PutHead(b[start:], t, len(b)-start-HeadSize)
	return b
}
