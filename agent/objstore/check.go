package objstore

import (
	"fmt"

	"github.com/skyctl/skyctl/agent/chunk"
)

// Check holds a Body against its own promises, for providers whose store does
// not. The error has Kind and Err only: KindInvalid for a Body that is not
// well formed, KindCorrupt for Bytes that are not what Digest says.
func (b Body) Check() *Error {
	if err := b.CheckForm(); err != nil {
		return err
	}
	if b.Bytes == nil {
		return nil
	}
	if got := chunk.Sum(b.Bytes); got != b.Digest {
		return &Error{Kind: KindCorrupt, Err: fmt.Errorf("CRC32C of the body is %v, announced was %v", got, b.Digest)}
	}
	return nil
}

// CheckForm is Check without the digest, for providers whose store compares it.
func (b Body) CheckForm() *Error {
	switch {
	case b.Bytes != nil && int64(len(b.Bytes)) != b.Size:
		return &Error{Kind: KindInvalid, Err: fmt.Errorf("body has %d bytes, announced were %d", len(b.Bytes), b.Size)}
	case b.Size < 0, b.Bytes == nil && b.Reader == nil && b.Size != 0:
		return &Error{Kind: KindInvalid, Err: fmt.Errorf("body of %d bytes has neither Bytes nor Reader", b.Size)}
	}
	return nil
}

// CheckParts holds the parts of a commit against the object that they are to
// make: numbers dense from 0, sizes that add up, and digests that combine into
// the object's. compared is false if a part lacks its digest; then somebody
// has to read the bytes. The error has Kind and Err only.
func CheckParts(parts []PartRef, size int64, digest chunk.Digest) (compared bool, err *Error) {
	var total int64
	var combined chunk.Digest
	compared = true
	for i, p := range parts {
		if p.Number != int32(i) {
			return false, &Error{Kind: KindInvalid, Err: fmt.Errorf("part %d is missing", i)}
		}
		if p.Digest == nil {
			compared = false
		} else {
			combined = combined.Combine(*p.Digest, p.Size)
		}
		total += p.Size
	}
	switch {
	case total != size:
		return false, &Error{Kind: KindInvalid, Err: fmt.Errorf("the parts have %d bytes, the object %d", total, size)}
	case compared && combined != digest:
		return false, &Error{Kind: KindCorrupt, Err: fmt.Errorf("CRC32C of the parts is %v, of the object %v", combined, digest)}
	}
	return compared, nil
}
