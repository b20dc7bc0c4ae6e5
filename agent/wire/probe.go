package wire

// AppendProbe adds the frame that opens a stream whose payload is only
// counted: data frames of any number, an end mark, and then one
// acknowledgement of chunk 0, destination 0, that says they have arrived.
func AppendProbe(b []byte) []byte {
	return appendFrame(b, TypeProbe, func(b []byte) []byte { return append(b, Version) })
}

// ParseProbe checks a probe's body.
func ParseProbe(body []byte) error {
	f := fields{rest: body}
	checkVersion(&f)
	return f.end()
}

func checkVersion(f *fields) {
	if v := f.byte("version"); f.err == nil && v != Version {
		f.err = malformed("protocol version %d, this is %d: all agents of a run must be of one release", v, Version)
		f.rest = nil
	}
}
