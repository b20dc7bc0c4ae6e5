package wire

import "encoding/binary"

// The fields of bodies: bytes, unsigned varints as encoding/binary writes
// them, and strings behind their length as a varint.

func appendUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// fields takes a body apart. The first thing that does not fit sets err, and
// everything taken after that is zero, so callers check once, at the end.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) fail(what string) {
	if f.err == nil {
		f.err = malformed("bad %s", what)
	}
	f.rest = nil
}

func (f *fields) byte(what string) byte {
	if len(f.rest) == 0 {
		f.fail(what)
		return 0
	}
	v := f.rest[0]
	f.rest = f.rest[1:]
	return v
}

func (f *fields) flag(what string) bool {
	v := f.byte(what)
	if v > 1 {
		f.fail(what)
	}
	return v == 1
}

// uint takes a varint of at most limit. Only the shortest form is accepted, so
// that a value has one encoding.
func (f *fields) uint(what string, limit uint64) uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 || v > limit || (n > 1 && f.rest[n-1] == 0) {
		f.fail(what)
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) uint32(what string) uint32 {
	if len(f.rest) < 4 {
		f.fail(what)
		return 0
	}
	v := binary.BigEndian.Uint32(f.rest)
	f.rest = f.rest[4:]
	return v
}

func (f *fields) uint64(what string) uint64 {
	high := f.uint32(what)
	return uint64(high)<<32 | uint64(f.uint32(what))
}

func (f *fields) bytes(what string, limit int) []byte {
	return f.raw(what, f.uint(what, uint64(limit)))
}

// raw takes n bytes as they are.
func (f *fields) raw(what string, n uint64) []byte {
	if uint64(len(f.rest)) < n {
		f.fail(what)
		return nil
	}
	v := f.rest[:n]
	f.rest = f.rest[n:]
	return v
}

func (f *fields) string(what string, limit int) string { return string(f.bytes(what, limit)) }

// end checks that nothing is left.
func (f *fields) end() error {
	if f.err == nil && len(f.rest) != 0 {
		f.err = malformed("%d bytes too many", len(f.rest))
	}
	return f.err
}
