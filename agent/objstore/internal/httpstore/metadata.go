package httpstore

import (
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/skyctl/skyctl/agent/objstore"
)

// The names under which metadata that HTTP has no header for is kept as user
// metadata. The first two are rclone's.
const (
	keyModified = "mtime"
	keyMode     = "mode"
	keyLink     = "skyctl-symlink"
)

// TimeFormat writes a time of modification as user metadata.
type TimeFormat func(time.Time) string

// RFC3339 is how rclone writes times into Azure Blob and Cloud Storage.
func RFC3339(t time.Time) string { return t.Format(time.RFC3339Nano) }

// Seconds is how rclone writes times into S3: seconds since 1970 with their
// fraction.
func Seconds(t time.Time) string {
	sign, seconds, nanos := "", t.Unix(), int64(t.Nanosecond())
	if seconds < 0 {
		if sign, seconds = "-", -seconds; nanos > 0 {
			seconds, nanos = seconds-1, int64(time.Second)-nanos
		}
	}
	s := fmt.Sprintf("%s%d.%09d", sign, seconds, nanos)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Fold moves Modified, Mode and Link into User, as object stores keep them.
// A name for user metadata that Azure does not take is spelled by name; nil
// leaves names as they are.
func Fold(m objstore.Metadata, format TimeFormat, name func(string) string) objstore.Metadata {
	user := maps.Clone(m.User)
	set := func(key, value string) {
		if user == nil {
			user = map[string]string{}
		}
		if name != nil {
			key = name(key)
		}
		user[key] = value
	}
	if !m.Modified.IsZero() {
		set(keyModified, format(m.Modified))
	}
	if m.Mode != 0 {
		set(keyMode, fmt.Sprintf("%04o", m.Mode))
	}
	if m.Link != "" {
		set(keyLink, m.Link)
	}
	m.User, m.Modified, m.Mode, m.Link = user, time.Time{}, 0, ""
	return m
}

// Unfold reverses Fold, whoever wrote the user metadata. A value that cannot
// be read stays where it is: it is somebody else's.
func Unfold(m objstore.Metadata, name func(string) string) objstore.Metadata {
	spelled := func(key string) string {
		if name != nil {
			return name(key)
		}
		return key
	}
	user := maps.Clone(m.User)
	if t, ok := parseTime(user[spelled(keyModified)]); ok {
		m.Modified = t
		delete(user, spelled(keyModified))
	}
	if mode, ok := parseMode(user[spelled(keyMode)]); ok {
		m.Mode = mode
		delete(user, spelled(keyMode))
	}
	if link := user[spelled(keyLink)]; link != "" {
		m.Link = link
		delete(user, spelled(keyLink))
	}
	if len(user) == 0 {
		user = nil
	}
	m.User = user
	return m
}

// parseMode reads a mode in octal, also with a file's type in front, as rclone
// writes it. A number without the type of a file, directory or link is no mode,
// or a decimal one: s3fs writes 33261 for 0755.
func parseMode(s string) (uint32, bool) {
	mode, err := strconv.ParseUint(s, 8, 32)
	if err != nil || mode&0o7777 == 0 {
		return 0, false
	}
	switch mode &^ 0o7777 {
	case 0, 0o100000, 0o040000, 0o120000:
		return uint32(mode) & 0o7777, true
	}
	return 0, false
}

// parseTime reads both formats.
func parseTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	s, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(s, ".")
	since, err := strconv.ParseUint(whole, 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	seconds, nanos := int64(since), int64(0)
	if fraction != "" {
		fraction = (fraction + "000000000")[:9]
		if nanos, err = strconv.ParseInt(fraction, 10, 64); err != nil || nanos < 0 {
			return time.Time{}, false
		}
	}
	if negative {
		seconds, nanos = -seconds, -nanos
	}
	return time.Unix(seconds, nanos).UTC(), true
}

// KeepHeaders takes out of m what valid refuses among the fields that travel as
// HTTP headers, and says what it took.
func KeepHeaders(m *objstore.Metadata, valid func(string) bool) (lost objstore.Fields) {
	for value, field := range map[*string]objstore.Fields{
		&m.ContentType: objstore.FieldContentType, &m.ContentEncoding: objstore.FieldContentEncoding,
		&m.ContentDisposition: objstore.FieldContentDisposition, &m.ContentLanguage: objstore.FieldContentLanguage,
		&m.CacheControl: objstore.FieldCacheControl,
	} {
		if !valid(*value) {
			*value = ""
			lost |= field
		}
	}
	return lost
}

// Taken tells whether user metadata would come back as another field, or lies
// where Fold puts one.
func Taken(m *objstore.Metadata, name, value string) bool {
	switch name {
	case keyModified:
		_, is := parseTime(value)
		return is || !m.Modified.IsZero()
	case keyMode:
		_, is := parseMode(value)
		return is || m.Mode != 0
	case keyLink:
		return value != "" || m.Link != ""
	}
	return false
}

// KeepUser takes out of m the user metadata that keep refuses or that is Taken,
// and a mode or link that nobody could read back, and says
// what it took. m.User is replaced, not changed.
func KeepUser(m *objstore.Metadata, keep func(name, value string) bool) (lost objstore.Fields) {
	var user map[string]string
	for name, value := range m.User {
		if Taken(m, name, value) || !keep(name, value) {
			lost |= objstore.FieldUser
			continue
		}
		if user == nil {
			user = make(map[string]string, len(m.User))
		}
		user[name] = value
	}
	m.User = user
	if m.Mode&^0o7777 != 0 {
		m.Mode = 0
		lost |= objstore.FieldMode
	}
	if !IsText(m.Link) {
		m.Link = ""
		lost |= objstore.FieldLink
	}
	return lost
}

// IsText tells whether a value of user metadata survives as a header, encoded
// or not: stores keep no control characters.
func IsText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// EncodeWord returns s as HTTP headers keep it: an encoded word (RFC 2047)
// where s is not plain ASCII, has spaces at its ends, which a header loses, or
// would be read as an encoded word itself.
func EncodeWord(s string) string {
	if strings.TrimSpace(s) != s || strings.Contains(s, "=?") {
		return "=?utf-8?b?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
	}
	return mime.BEncoding.Encode("utf-8", s)
}

// DecodeWord reverses EncodeWord. What is no encoded word stays as it is.
func DecodeWord(s string) string {
	var decoder mime.WordDecoder
	if plain, err := decoder.DecodeHeader(s); err == nil {
		return plain
	}
	return s
}
