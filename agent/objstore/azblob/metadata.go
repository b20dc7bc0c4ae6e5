package azblob

import (
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/skyctl/skyctl/agent/objstore"
)

// identifier is what Azure takes as the name of user metadata: an identifier
// of C#, in ASCII because it travels as the name of an HTTP header.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// encodeMetadata returns the metadata as Azure takes it, or why it cannot.
//
// All of it travels as HTTP headers, in ASCII. Values of user metadata outside
// ASCII become encoded words (RFC 2047), as S3 has them and decodeUser reads
// them; to Azure and others they are just that text.
func encodeMetadata(meta objstore.Metadata) (*blob.HTTPHeaders, map[string]*string, error) {
	for name, value := range map[string]string{
		"content type": meta.ContentType, "content encoding": meta.ContentEncoding, "content disposition": meta.ContentDisposition,
		"content language": meta.ContentLanguage, "cache control": meta.CacheControl,
	} {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, nil, fmt.Errorf("the %s %q is not plain ASCII, as Azure wants it", name, value)
		}
	}
	headers := &blob.HTTPHeaders{
		BlobContentType:        optional(meta.ContentType),
		BlobContentEncoding:    optional(meta.ContentEncoding),
		BlobContentDisposition: optional(meta.ContentDisposition),
		BlobContentLanguage:    optional(meta.ContentLanguage),
		BlobCacheControl:       optional(meta.CacheControl),
	}
	var user map[string]*string
	for _, name := range slices.Sorted(maps.Keys(meta.User)) {
		value := meta.User[name]
		if !identifier.MatchString(name) {
			return nil, nil, fmt.Errorf("Azure cannot hold user metadata named %q: only letters, digits and _, and no digit first", name)
		}
		if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return nil, nil, fmt.Errorf("the value of user metadata %q holds control characters or is not UTF-8", name)
		}
		if user == nil {
			user = make(map[string]*string, len(meta.User))
		}
		encoded := encodeWord(value)
		user[name] = &encoded
	}
	return headers, user, nil
}

// encodeWord returns s as HTTP headers keep it.
func encodeWord(s string) string {
	if strings.TrimSpace(s) != s { // a header loses spaces at its ends
		return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	return mime.BEncoding.Encode("utf-8", s)
}

// decodeUser reverses what encodeMetadata did to the values. HTTP loses the
// case of the names, in which Azure sees no difference.
func decodeUser(user map[string]*string) map[string]string {
	if len(user) == 0 {
		return nil
	}
	var decoder mime.WordDecoder
	decoded := make(map[string]string, len(user))
	for name, value := range user {
		plain := deref(value)
		if word, err := decoder.DecodeHeader(plain); err == nil {
			plain = word
		}
		decoded[strings.ToLower(name)] = plain
	}
	return decoded
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
