package httpstore

import (
	"errors"
	"fmt"
	"io"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// Body yields exactly the bytes of a range, or an error.
type Body struct {
	// Fail makes the reader's errors: Fail(err) is what Read returns.
	Fail func(error) error

	Source io.ReadCloser // what the store sends
	Rest   int64         // bytes that are still to come

	// Want is the CRC32C of the range, nil if nobody knows it. Bytes that
	// differ are KindCorrupt, said with the last of them.
	Want *chunk.Digest

	got chunk.Digest
}

func (b *Body) Read(p []byte) (int, error) {
	if b.Rest == 0 {
		return 0, io.EOF
	}
	n, err := b.Source.Read(p[:min(int64(len(p)), b.Rest)])
	b.Rest -= int64(n)
	if b.Want != nil {
		if b.got = b.got.Update(p[:n]); b.Rest == 0 && b.got != *b.Want {
			return n, b.Fail(&objstore.Error{Kind: objstore.KindCorrupt,
				Err: fmt.Errorf("CRC32C of what was read is %v, the store reports %v", b.got, *b.Want)})
		}
	}
	switch {
	case err == nil, b.Rest == 0 && err == io.EOF:
		return n, nil
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, b.Fail(err)
}

// Close ends the request, wherever it is.
func (b *Body) Close() error { return b.Source.Close() }

// ParseContentRange reads "bytes FIRST-LAST/SIZE".
func ParseContentRange(s string) (r chunk.Range, size int64, err error) {
	var last int64
	if _, err := fmt.Sscanf(s, "bytes %d-%d/%d", &r.Offset, &last, &size); err != nil {
		return r, 0, fmt.Errorf("the store answers with the unreadable Content-Range %q: %w", s, err)
	}
	r.Length = last - r.Offset + 1
	return r, size, nil
}

// Within holds an object against what a reader wants of it. Stores that ignore
// the precondition of a read are caught here.
func Within(obj objstore.Object, version objstore.Version, r chunk.Range) error {
	switch {
	case version != "" && obj.Version != version:
		return &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object is version %s, wanted was %s", obj.Version, version)}
	case r.End() > obj.Size:
		return &objstore.Error{Kind: objstore.KindPrecondition, Err: fmt.Errorf("the object has %d bytes, wanted were %d from %d", obj.Size, r.Length, r.Offset)}
	}
	return nil
}

// ErrRangeIgnored is for a store that sends other bytes than were asked for.
var ErrRangeIgnored = &objstore.Error{Kind: objstore.KindUnsupported, Err: errors.New("the store ignores the range of a read")}
