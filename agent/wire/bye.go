package wire

// Bye is the last frame on a connection that has no other way to say why it
// is closed.
type Bye struct {
	Code    byte   // as PROTOCOL.md numbers the application errors
	Message string // cut to MaxMessage bytes, in the middle
}

// Append adds the bye as a frame.
func (x *Bye) Append(b []byte) []byte {
	return appendFrame(b, TypeBye, func(b []byte) []byte {
		return appendString(append(b, x.Code), shorten(x.Message))
	})
}

// ParseBye reads a bye's body.
func ParseBye(body []byte) (Bye, error) {
	f := fields{rest: body}
	x := Bye{Code: f.byte("code"), Message: f.string("message", MaxMessage)}
	return x, f.end()
}
