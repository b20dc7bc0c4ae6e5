// Package chunk names the unit of transfer, a byte range of one object, and
// the digest that proves it arrived.
//
// An object is split into ranges of one size (the last may be shorter); an
// object that fits into one range, the empty object included, is one chunk.
// The digest is CRC32C: cheap (12 GB/s a core), known to S3 and GCS, and the
// digests of the chunks combine into the digest of the object.
package chunk

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
)

// ID names a chunk within its run: the object's number in the journal's
// listing and the chunk's index in the object, both from 0.
type ID struct {
	Object int64
	Index  int32
}

// String returns "OBJECT.INDEX".
func (id ID) String() string {
	return strconv.FormatInt(id.Object, 10) + "." + strconv.FormatInt(int64(id.Index), 10)
}

// MarshalText makes an ID usable as a JSON string and map key.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (id *ID) UnmarshalText(b []byte) error {
	object, index, ok := strings.Cut(string(b), ".")
	o, err1 := strconv.ParseInt(object, 10, 64)
	i, err2 := strconv.ParseInt(index, 10, 32)
	if !ok || err1 != nil || err2 != nil || o < 0 || i < 0 {
		return fmt.Errorf("chunk id %q is not OBJECT.INDEX", b)
	}
	*id = ID{Object: o, Index: int32(i)}
	return nil
}

// Range is a run of bytes of an object: Length bytes from Offset.
type Range struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// End is the offset of the first byte behind the range.
func (r Range) End() int64 { return r.Offset + r.Length }

// Count returns how many chunks an object of size bytes has. The empty object
// has one.
func Count(size, chunkSize int64) int32 {
	if size <= chunkSize {
		return 1
	}
	return int32((size + chunkSize - 1) / chunkSize)
}

// At returns the range of the chunk at index in an object of size bytes.
func At(size, chunkSize int64, index int32) Range {
	offset := int64(index) * chunkSize
	return Range{Offset: offset, Length: min(chunkSize, size-offset)}
}

// Split yields the ranges of an object of size bytes in order.
func Split(size, chunkSize int64) iter.Seq2[int32, Range] {
	return func(yield func(int32, Range) bool) {
		for i := range Count(size, chunkSize) {
			if !yield(i, At(size, chunkSize, i)) {
				return
			}
		}
	}
}
