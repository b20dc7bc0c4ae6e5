package wire

import (
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/route"
)

// Stage is the part of a chunk's way on which it failed.
type Stage byte

const (
	StageRead  Stage = 1
	StageRoute Stage = 2
	StageWrite Stage = 3
)

// Failure says where and why a chunk failed.
type Failure struct {
	Stage   Stage
	Kind    objstore.Kind
	Gateway route.Gateway
	Message string // cut to MaxMessage bytes, in the middle
}

func appendFailure(b []byte, x *Failure) []byte {
	b = append(b, byte(x.Stage), byte(x.Kind))
	b = appendString(b, string(x.Gateway))
	return appendString(b, shorten(x.Message))
}

func parseFailure(f *fields) Failure {
	x := Failure{Stage: Stage(f.byte("stage")), Kind: objstore.Kind(f.byte("kind"))}
	if x.Stage < StageRead || x.Stage > StageWrite {
		f.fail("stage")
	}
	x.Gateway = route.Gateway(f.string("gateway", route.MaxName))
	x.Message = f.string("message", MaxMessage)
	return x
}

// AppendAbort adds the frame by which a sender gives up the chunk on this
// stream. Nothing of it may be committed.
func AppendAbort(b []byte, why Failure) []byte {
	return appendFrame(b, TypeAbort, func(b []byte) []byte { return appendFailure(b, &why) })
}

// ParseAbort reads an abort's body.
func ParseAbort(body []byte) (Failure, error) {
	f := fields{rest: body}
	why := parseFailure(&f)
	return why, f.end()
}
