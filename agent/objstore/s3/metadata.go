package s3

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/net/http/httpguts"

	"github.com/skyctl/skyctl/agent/objstore"
	"github.com/skyctl/skyctl/agent/objstore/internal/httpstore"
)

// Limits of Amazon's tags and user metadata. Other stores have the same.
const (
	maxTags     = 10
	maxTagKey   = 128     // characters
	maxTagValue = 256     // characters
	maxUser     = 2 << 10 // bytes, names and values together

	amazonsTags = "aws:" // start the keys of tags that only Amazon may set
)

// Keeps everything that can be an HTTP header. HTTP has no capitals in the
// names of user metadata: of names that differ in nothing else none is kept.
// Outside ASCII Amazon signs a header differently than anybody could, and
// refuses the object for its signature. Whether there is such a storage class is
// for the store to say.
func (b *bucket) Keeps(m objstore.Metadata) (objstore.Metadata, objstore.Fields) {
	user := make(map[string]string, len(m.User))
	spellings := map[string]int{}
	for name, value := range m.User {
		lower := strings.ToLower(name)
		user[lower] = value
		spellings[lower]++
	}
	m.User = user
	lost := objstore.KeepClass(b.classes, &m) |
		httpstore.KeepHeaders(&m, func(value string) bool { return isASCII(value) && httpguts.ValidHeaderFieldValue(value) }) |
		httpstore.KeepUser(&m, func(name, value string) bool {
			return httpguts.ValidHeaderFieldName(name) && httpstore.IsText(value) && spellings[name] == 1
		})
	if len(m.User) > 0 && userSize(m) > maxUser {
		m.User, lost = nil, lost|objstore.FieldUser
	}
	if m.Link != "" && userSize(m) > maxUser {
		m.Link, lost = "", lost|objstore.FieldLink
	}
	tags := m.Tags
	m.Tags = nil
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if len(m.Tags) == maxTags || !validTag(key, maxTagKey) || key == "" || strings.HasPrefix(strings.ToLower(key), amazonsTags) || !validTag(tags[key], maxTagValue) {
			lost |= objstore.FieldTags
			continue
		}
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		m.Tags[key] = tags[key]
	}
	return m, lost
}

// userSize is what S3 counts of the user metadata, in bytes.
func userSize(m objstore.Metadata) (size int) {
	for name, value := range httpstore.Fold(m, httpstore.Seconds, nil).User {
		size += len(name) + len(httpstore.EncodeWord(value))
	}
	return size
}

// wired is what a write says of an object besides the headers of HTTP.
type wired struct {
	user       map[string]string
	tags       *string
	encryption types.ServerSideEncryption
	kmsKey     *string
}

// wire returns the metadata as S3 takes it, or why it cannot.
//
// It travels as HTTP headers. S3 reads and writes values outside ASCII as
// encoded words (RFC 2047); stores that do not know them keep the encoded
// text, and decodeUser reads both.
func (b *bucket) wire(m objstore.Metadata) (wired, error) {
	checked := m
	checked.StorageClass = ""
	if _, lost := b.Keeps(checked); lost != 0 {
		return wired{}, fmt.Errorf("S3 has no place for: %v", lost)
	}
	w := wired{user: httpstore.Fold(m, httpstore.Seconds, nil).User}
	for name, value := range w.user {
		w.user[name] = httpstore.EncodeWord(value)
	}
	if len(m.Tags) > 0 {
		query := url.Values{}
		for key, value := range m.Tags {
			query.Set(key, value)
		}
		w.tags = optional(query.Encode())
	}
	if b.kmsKey != "" {
		w.encryption, w.kmsKey = types.ServerSideEncryptionAwsKms, &b.kmsKey
	}
	return w, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// validTag tells whether s, a key or a value, has only what Amazon allows.
func validTag(s string, most int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != ' ' && !strings.ContainsRune("+-=._:/@", r)
	})
}

// decodeUser reverses what wire, or the store, did to user metadata. HTTP loses
// the case of the names.
func decodeUser(user map[string]string) map[string]string {
	if len(user) == 0 {
		return nil
	}
	decoded := make(map[string]string, len(user))
	for name, value := range user {
		decoded[strings.ToLower(name)] = httpstore.DecodeWord(text(&value))
	}
	return decoded
}

// text is the value of a header. What is not UTF-8 is ISO 8859-1, in which HTTP
// once was: whoever passes it on needs text.
func text(header *string) string {
	s := aws.ToString(header)
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// className is a storage class as Metadata has it: the default has no name.
func className(class types.StorageClass) string {
	if class == types.StorageClassStandard {
		return ""
	}
	return string(class)
}
