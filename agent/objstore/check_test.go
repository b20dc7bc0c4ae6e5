package objstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/chunk"
)

func TestBodyCheck(t *testing.T) {
	data := []byte("data")
	digest := chunk.Sum(data)
	for _, c := range []struct {
		name string
		body Body
		want Kind // KindUnknown: none
	}{
		{"bytes", Body{Size: 4, Bytes: data, Digest: digest}, KindUnknown},
		{"stream", Body{Size: 4, Reader: bytes.NewReader(data)}, KindUnknown},
		{"empty", Body{}, KindUnknown},
		{"empty bytes", Body{Bytes: []byte{}}, KindUnknown},
		{"wrong size", Body{Size: 5, Bytes: data, Digest: digest}, KindInvalid},
		{"nothing", Body{Size: 4}, KindInvalid},
		{"negative", Body{Size: -1, Reader: bytes.NewReader(data)}, KindInvalid},
		{"wrong digest", Body{Size: 4, Bytes: data, Digest: digest + 1}, KindCorrupt},
	} {
		err := c.body.Check()
		if (err == nil) != (c.want == KindUnknown) || err != nil && err.Kind != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestCheckParts(t *testing.T) {
	data := []byte("some bytes in parts")
	ref := func(n int32, from, to int) PartRef {
		d := chunk.Sum(data[from:to])
		return PartRef{Number: n, Size: int64(to - from), Digest: &d}
	}
	whole := []PartRef{ref(0, 0, 5), ref(1, 5, 10), ref(2, 10, len(data))}
	bare := PartRef{Number: 1, Size: 5}
	size, digest := int64(len(data)), chunk.Sum(data)
	for _, c := range []struct {
		name     string
		parts    []PartRef
		size     int64
		digest   chunk.Digest
		compared bool
		want     Kind // KindUnknown: no error
	}{
		{"whole", whole, size, digest, true, KindUnknown},
		{"empty object", nil, 0, 0, true, KindUnknown},
		{"a part without digest", []PartRef{whole[0], bare, whole[2]}, size, digest + 1, false, KindUnknown},
		{"wrong digest", whole, size, digest + 1, false, KindCorrupt},
		{"wrong size", whole, size + 1, digest, false, KindInvalid},
		{"last part missing", whole[:2], size, digest, false, KindInvalid},
		{"part missing", []PartRef{whole[0], whole[2]}, size, digest, false, KindInvalid},
		{"twice", []PartRef{whole[0], whole[0], whole[2]}, size, digest, false, KindInvalid},
	} {
		compared, err := CheckParts(c.parts, c.size, c.digest)
		if compared != c.compared || (err == nil) != (c.want == KindUnknown) || err != nil && err.Kind != c.want {
			t.Errorf("%s: %v, %v; want %v, %v", c.name, compared, err, c.compared, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err  *Error
		want string
	}{
		{&Error{Op: "list", Bucket: "s3://b", Kind: KindThrottled, RequestID: "R1", Err: cause}, "list s3://b: throttled: cause (request R1)"},
		{&Error{Op: "put", Bucket: "s3://b", Key: "a b/é", Kind: KindNotFound}, "put s3://b: a b/é: not found"},
		{&Error{Op: "put", Bucket: "/srv", Key: "two\nlines", Kind: KindInvalid, Err: cause}, `put /srv: "two\nlines": invalid: cause`},
		{&Error{Op: "put", Bucket: "/srv", Key: "\xff", Kind: Kind(99)}, `put /srv: "\xff": kind 99`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	inner := &Error{Kind: KindQuota}
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{nil, KindUnknown},
		{errors.New("x"), KindUnknown},
		{fmt.Errorf("wrapped: %w", inner), KindQuota},
		{&Error{Kind: KindPermission, Err: inner}, KindPermission},
		{fmt.Errorf("stopped: %w", context.DeadlineExceeded), KindTransient},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("KindOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
	if last := KindExpired; strings.HasPrefix(last.String(), "kind") || !strings.HasPrefix((last+1).String(), "kind") {
		t.Error("kindNames and the constants differ")
	}
}
