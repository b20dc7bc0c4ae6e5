package wire

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/skyctl/skyctl/agent/objstore"
)

const (
	maxField = 16 << 10
	maxUser  = 256 // user metadata fields
	maxTags  = 64
)

func (d *Dests) checkMetadata(long func(what string, n, limit int) error) error {
	for _, s := range metadataFields(&d.Metadata) {
		if len(*s) > maxField {
			return long("a metadata field", len(*s), maxField)
		}
	}
	for _, c := range []struct {
		what  string
		pairs map[string]string
		most  int
	}{{"user metadata fields", d.Metadata.User, maxUser}, {"tags", d.Metadata.Tags, maxTags}} {
		if n := len(c.pairs); n > c.most {
			return fmt.Errorf("the object has %d %s, agents pass on %d", n, c.what, c.most)
		}
		for k, v := range c.pairs {
			if n := max(len(k), len(v)); n > maxField {
				return long(c.what, n, maxField)
			}
		}
	}
	return nil
}

func metadataFields(m *objstore.Metadata) [7]*string {
	return [...]*string{&m.ContentType, &m.ContentEncoding, &m.ContentDisposition, &m.ContentLanguage, &m.CacheControl, &m.StorageClass, &m.Link}
}

func appendMetadata(b []byte, m *objstore.Metadata) []byte {
	for _, s := range metadataFields(m) {
		b = appendString(b, *s)
	}
	b = appendUint(b, uint64(m.Mode))
	b = appendTime(b, m.Modified)
	return appendPairs(appendPairs(b, m.User), m.Tags)
}

func parseMetadata(f *fields) (m objstore.Metadata) {
	for _, s := range metadataFields(&m) {
		*s = f.string("metadata", maxField)
	}
	m.Mode = uint32(f.uint("mode", math.MaxUint32))
	m.Modified = f.time("modified")
	m.User = f.pairs("user metadata", maxUser)
	m.Tags = f.pairs("tags", maxTags)
	return m
}

// appendTime adds a flag, 0 for no time, and behind 1 the seconds since 1970 as
// eight bytes in two's complement and the nanoseconds as a varint.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = binary.BigEndian.AppendUint64(append(b, 1), uint64(t.Unix()))
	return appendUint(b, uint64(t.Nanosecond()))
}

func (f *fields) time(what string) time.Time {
	if !f.flag(what) {
		return time.Time{}
	}
	if len(f.rest) < 8 {
		f.fail(what)
		return time.Time{}
	}
	seconds := int64(binary.BigEndian.Uint64(f.rest))
	f.rest = f.rest[8:]
	nanos := int64(f.uint(what, uint64(time.Second-1)))
	t := time.Unix(seconds, nanos).UTC()
	if t.IsZero() || t.Unix() != seconds { // a time has one encoding
		f.fail(what)
		return time.Time{}
	}
	return t
}

// appendPairs adds the count and the pairs in the order of their names.
func appendPairs(b []byte, pairs map[string]string) []byte {
	b = appendUint(b, uint64(len(pairs)))
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		b = appendString(appendString(b, k), pairs[k])
	}
	return b
}

func (f *fields) pairs(what string, most uint64) map[string]string {
	var pairs map[string]string
	last := ""
	for i := range f.uint(what, most) {
		k := f.string(what, maxField)
		if i > 0 && k <= last {
			f.fail(what + " order")
			break
		}
		if pairs == nil {
			pairs = map[string]string{}
		}
		last = k
		pairs[k] = f.string(what, maxField)
	}
	return pairs
}
