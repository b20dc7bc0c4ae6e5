package gcs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// classes are the storage classes that a user may ask for.
var classes = []string{standard, "NEARLINE", "COLDLINE", "ARCHIVE"}

// maxUser is how much user metadata an object has, in bytes, names and values
// together.
const maxUser = 8 << 10

// standard is the class of everything whose bucket has no other default.
const standard = "STANDARD"

// checkClasses refuses a mapping to what no object can have.
func checkClasses(mapping map[string]string) error {
	for source, class := range mapping {
		if class != "" && !slices.Contains(classes, class) {
			return fmt.Errorf("there is no storage class %q, in place of %q; Cloud Storage has %s", class, source, strings.Join(classes, ", "))
		}
	}
	return nil
}

// Keeps: a class that no mapping names becomes the bucket's default.
func (b *bucket) Keeps(m objstore.Metadata) (objstore.Metadata, objstore.Fields) {
	lost := objstore.KeepClass(b.classes, &m) | keep(&m)
	return m, lost
}

// keep takes out of m what Cloud Storage does not hold, and says what it took.
// There are no tags of objects; JSON carries everything else that is UTF-8.
func keep(m *objstore.Metadata) (lost objstore.Fields) {
	lost = httpstore.KeepHeaders(m, utf8.ValidString)
	lost |= httpstore.KeepUser(m, func(name, value string) bool {
		return name != "" && utf8.ValidString(name) && utf8.ValidString(value)
	})
	size := 0
	for name, value := range httpstore.Fold(*m, httpstore.RFC3339, nil).User {
		size += len(name) + len(value)
	}
	if size > maxUser { // without the user's a time, mode and link are always less
		m.User, lost = nil, lost|objstore.FieldUser
	}
	if len(m.Tags) > 0 {
		m.Tags = nil
		lost |= objstore.FieldTags
	}
	return lost
}

// checkMetadata refuses what Keeps does not return.
func checkMetadata(m objstore.Metadata) error {
	if lost := keep(&m); lost != 0 {
		return fmt.Errorf("Cloud Storage does not hold this %v", lost)
	}
	return checkClasses(map[string]string{"": m.StorageClass})
}

// attrs are the fields of an object to be written.
func attrs(key string, m objstore.Metadata) storage.ObjectAttrs {
	m = httpstore.Fold(m, httpstore.RFC3339, nil)
	return storage.ObjectAttrs{
		Name:               key,
		ContentType:        m.ContentType,
		ContentEncoding:    m.ContentEncoding,
		ContentDisposition: m.ContentDisposition,
		ContentLanguage:    m.ContentLanguage,
		CacheControl:       m.CacheControl,
		StorageClass:       m.StorageClass,
		Metadata:           m.User,
	}
}

// described is an object as the store describes it.
func described(a *storage.ObjectAttrs) objstore.Object {
	obj := objstore.Object{
		Key:      a.Name,
		Size:     a.Size,
		Version:  versionOf(a.Generation),
		Modified: a.Updated,
		CRC32C:   digestOf(a.CRC32C, a.Size),
		Metadata: httpstore.Unfold(objstore.Metadata{
			ContentType:        a.ContentType,
			ContentEncoding:    a.ContentEncoding,
			ContentDisposition: a.ContentDisposition,
			ContentLanguage:    a.ContentLanguage,
			CacheControl:       a.CacheControl,
			StorageClass:       a.StorageClass,
			User:               a.Metadata,
		}, nil),
	}
	if a.StorageClass == standard { // what is written without a class has it too
		obj.Metadata.StorageClass = ""
	}
	return obj
}

// digestOf is what the SDK says of an object's CRC32C: it has no other word
// than 0 for one that the answer lacks.
func digestOf(crc uint32, size int64) *chunk.Digest {
	if crc == 0 && size > 0 {
		return nil
	}
	d := chunk.Digest(crc)
	return &d
}

func versionOf(generation int64) objstore.Version {
	return objstore.Version(strconv.FormatInt(generation, 10))
}

// generationOf reads what versionOf wrote.
func generationOf(v objstore.Version) (int64, error) {
	generation, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil || generation <= 0 {
		return 0, fmt.Errorf("the version %q is not a generation", v)
	}
	return generation, nil
}
