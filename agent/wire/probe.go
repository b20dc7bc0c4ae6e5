package wire

import "time"

// Probe opens a stream whose payload is only counted: data frames of any
// number, and then an abort. The acceptor counts for Window what comes behind
// the first and answers with one acknowledgement of chunk 0, destination 0, whose token
// is what Count writes.
type Probe struct {
	Window time.Duration // whole milliseconds
}

// MaxProbe is the longest window.
const MaxProbe = 2 * time.Second

// Append adds the probe as a frame.
func (p *Probe) Append(b []byte) []byte {
	return appendFrame(b, TypeProbe, func(b []byte) []byte {
		return appendUint(append(b, Version), uint64(p.Window/time.Millisecond))
	})
}

// ParseProbe reads a probe's body.
func ParseProbe(body []byte) (Probe, error) {
	f := fields{rest: body}
	checkVersion(&f)
	p := Probe{Window: time.Duration(f.uint("window", uint64(MaxProbe/time.Millisecond))) * time.Millisecond}
	return p, f.end()
}

// Count is what a probe's acceptor received behind the first data frame, and in
// what time.
type Count struct {
	Bytes int64
	Took  time.Duration
}

// Token writes the count as an acknowledgement carries it.
func (c Count) Token() string {
	return string(appendUint(appendUint(nil, uint64(c.Bytes)), uint64(c.Took)))
}

// ParseCount reads what Token wrote.
func ParseCount(token string) (Count, error) {
	f := fields{rest: []byte(token)}
	c := Count{Bytes: int64(f.uint("bytes", 1<<62)), Took: time.Duration(f.uint("time", 1<<62))}
	return c, f.end()
}
