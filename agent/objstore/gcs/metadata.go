package gcs

import (
	"fmt"
	"maps"
	"strconv"
	"unicode/utf8"

	"cloud.google.com/go/storage"

	"github.com/skyctl/skyctl/agent/chunk"
	"github.com/skyctl/skyctl/agent/objstore"
)

// checkMetadata refuses what JSON would change. Everything else is for the
// store to say.
func checkMetadata(meta objstore.Metadata) error {
	for name, value := range map[string]string{
		"content type": meta.ContentType, "content encoding": meta.ContentEncoding, "content disposition": meta.ContentDisposition,
		"content language": meta.ContentLanguage, "cache control": meta.CacheControl,
	} {
		if !utf8.ValidString(value) {
			return fmt.Errorf("the %s %q is not UTF-8", name, value)
		}
	}
	for name, value := range meta.User {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return fmt.Errorf("the user metadata %q is not UTF-8", name)
		}
	}
	return nil
}

// attrs are the fields of an object to be written.
func attrs(key string, meta objstore.Metadata) storage.ObjectAttrs {
	return storage.ObjectAttrs{
		Name:               key,
		ContentType:        meta.ContentType,
		ContentEncoding:    meta.ContentEncoding,
		ContentDisposition: meta.ContentDisposition,
		ContentLanguage:    meta.ContentLanguage,
		CacheControl:       meta.CacheControl,
		Metadata:           maps.Clone(meta.User),
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
		Metadata: objstore.Metadata{
			ContentType:        a.ContentType,
			ContentEncoding:    a.ContentEncoding,
			ContentDisposition: a.ContentDisposition,
			ContentLanguage:    a.ContentLanguage,
			CacheControl:       a.CacheControl,
		},
	}
	if len(a.Metadata) > 0 {
		obj.Metadata.User = a.Metadata
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
