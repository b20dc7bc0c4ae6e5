package wire

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

const (
	maxField = 16 << 10
	maxUser  = 256 // user metadata fields, and tags
	maxMode  = 0o7777
)

func long(what string, n, limit int) error {
	return fmt.Errorf("%s is longer than the %d bytes that agents pass on: %d", what, limit, n)
}

// checkMetadata tells whether the metadata is within the limits that
// parseMetadata keeps.
func checkMetadata(m *objstore.Metadata) error {
	for _, s := range metadataFields(m) {
		if len(*s) > maxField {
			return long("a metadata field", len(*s), maxField)
		}
	}
	if m.Mode > maxMode {
		return fmt.Errorf("a file mode of %o is more than permission bits", m.Mode)
	}
	for what, pairs := range map[string]map[string]string{"user metadata": m.User, "tags": m.Tags} {
		if n := len(pairs); n > maxUser {
			return fmt.Errorf("the object has %d %s fields, agents pass on %d", n, what, maxUser)
		}
		for k, v := range pairs {
			if n := max(len(k), len(v)); n > maxField {
				return long(what, n, maxField)
			}
		}
	}
	return nil
}

func metadataFields(m *objstore.Metadata) [7]*string {
	return [...]*string{&m.ContentType, &m.ContentEncoding, &m.ContentDisposition, &m.ContentLanguage, &m.CacheControl,
		&m.StorageClass, &m.Link}
}

func appendMetadata(b []byte, m *objstore.Metadata) []byte {
	for _, s := range metadataFields(m) {
		b = appendString(b, *s)
	}
	b = appendUint(b, uint64(m.Mode))
	if m.Modified.IsZero() {
		b = append(b, 0)
	} else {
		b = binary.BigEndian.AppendUint64(append(b, 1), uint64(m.Modified.Unix()))
		b = binary.BigEndian.AppendUint32(b, uint32(m.Modified.Nanosecond()))
	}
	return appendPairs(appendPairs(b, m.User), m.Tags)
}

func parseMetadata(f *fields) (m objstore.Metadata) {
	for _, s := range metadataFields(&m) {
		*s = f.string("metadata", maxField)
	}
	m.Mode = uint32(f.uint("mode", maxMode))
	if f.flag("modified") {
		seconds := int64(f.uint64("seconds"))
		nanoseconds := f.uint32("nanoseconds")
		if m.Modified = time.Unix(seconds, int64(nanoseconds)).UTC(); nanoseconds >= 1e9 || m.Modified.IsZero() {
			f.fail("modified")
		}
	}
	m.User = parsePairs(f, "user metadata")
	m.Tags = parsePairs(f, "tags")
	return m
}

// appendPairs writes keys and values, sorted by key.
func appendPairs(b []byte, pairs map[string]string) []byte {
	b = appendUint(b, uint64(len(pairs)))
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		b = appendString(appendString(b, k), pairs[k])
	}
	return b
}

func parsePairs(f *fields, what string) (pairs map[string]string) {
	last := ""
	for i := range f.uint(what, maxUser) {
		k := f.string(what, maxField)
		if f.err != nil {
			return nil
		}
		if pairs == nil {
			pairs = map[string]string{}
		}
		if i > 0 && k <= last {
			f.fail(what + " order")
			return nil
		}
		last = k
		pairs[k] = f.string(what, maxField)
	}
	return pairs
}
