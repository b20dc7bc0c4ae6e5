// Package wire is the data plane's frames: bytes to values and back, no
// sockets. PROTOCOL.md beside this file is the protocol; the constants and
// limits here are its numbers.
//
// One file holds one frame. Each has Append, which adds the encoding to a
// slice, and Parse, which accepts exactly what Append writes and nothing else:
// unknown values, trailing bytes and lengths over a limit are ErrMalformed.
package wire
