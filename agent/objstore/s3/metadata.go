package s3

import (
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/skyctl/skyctl/agent/objstore"
)

// encodeMetadata returns the user metadata as S3 takes it, or why it cannot.
//
// The fields travel as HTTP headers. S3 reads and writes values outside ASCII
// as encoded words (RFC 2047); stores that do not know them keep the encoded
// text, and decodeUser reads both.
func encodeMetadata(meta objstore.Metadata) (map[string]string, error) {
	for name, value := range map[string]string{
		"content type": meta.ContentType, "content encoding": meta.ContentEncoding, "content disposition": meta.ContentDisposition,
		"content language": meta.ContentLanguage, "cache control": meta.CacheControl,
	} {
		if !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("the %s %q cannot be an HTTP header", name, value)
		}
	}
	var user map[string]string
	for _, name := range slices.Sorted(maps.Keys(meta.User)) {
		value := meta.User[name]
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("the name of user metadata %q cannot be an HTTP header", name)
		}
		if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
			return nil, fmt.Errorf("the value of user metadata %q holds control characters or is not UTF-8", name)
		}
		if user == nil {
			user = make(map[string]string, len(meta.User))
		}
		user[name] = encodeWord(value)
	}
	return user, nil
}

// encodeWord returns s as HTTP headers keep it.
func encodeWord(s string) string {
	if strings.TrimSpace(s) != s { // a header loses spaces at its ends
		return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	return mime.BEncoding.Encode("utf-8", s)
}

// decodeUser reverses what encodeMetadata, or the store, did to the values.
func decodeUser(user map[string]string) map[string]string {
	if len(user) == 0 {
		return nil
	}
	var decoder mime.WordDecoder
	decoded := make(map[string]string, len(user))
	for name, value := range user {
		if plain, err := decoder.DecodeHeader(value); err == nil {
			value = plain
		}
		decoded[strings.ToLower(name)] = value
	}
	return decoded
}
