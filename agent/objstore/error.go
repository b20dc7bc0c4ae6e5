package objstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind classifies an error by what a caller may do about it. It is one byte on
// the wire, so the numbers never change.
type Kind uint8

const (
	KindUnknown      Kind = 0  // treated as transient
	KindNotFound     Kind = 1  // no such bucket, object or upload
	KindPermission   Kind = 2  // the credentials do not allow it, or are wrong
	KindPrecondition Kind = 3  // the object is not the version that was asked for
	KindThrottled    Kind = 4  // ask more slowly
	KindTransient    Kind = 5  // try again
	KindQuota        Kind = 6  // no space, or over a limit of the account
	KindInvalid      Kind = 7  // the store cannot hold this name, size or field
	KindUnsupported  Kind = 8  // the store lacks the operation
	KindCorrupt      Kind = 9  // the bytes are not what their digest says
	KindUnreachable  Kind = 10 // the endpoint does not answer at all
	KindExpired      Kind = 11 // the credentials have ended: nothing can be asked with them
)

var kindNames = [...]string{"error", "not found", "permission denied", "changed", "throttled", "transient", "quota exceeded", "invalid", "unsupported", "corrupt", "unreachable", "credentials expired"}

// String returns the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", k)
}

// Retryable tells whether the same operation may succeed later or elsewhere.
func (k Kind) Retryable() bool {
	switch k {
	case KindUnknown, KindThrottled, KindTransient, KindCorrupt, KindUnreachable:
		return true
	}
	return false
}

// Error is what every method of a Bucket answers with.
type Error struct {
	Op        string // "list", "open", "put", …
	Bucket    string // as a user writes it, without credentials
	Key       string // empty for operations on the bucket
	Kind      Kind
	RequestID string // the store's, for its support
	Err       error
}

func (e *Error) Error() string {
	where := e.Bucket
	if e.Key != "" {
		where += ": " + printable(e.Key)
	}
	s := fmt.Sprintf("%s %s: %s", e.Op, where, e.Kind)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.RequestID != "" {
		s += " (request " + e.RequestID + ")"
	}
	return s
}

// printable keeps an error on one line and a terminal whole, whatever the key.
func printable(key string) string {
	if strings.ContainsFunc(key, unicode.IsControl) || !utf8.ValidString(key) {
		return strconv.Quote(key)
	}
	return key
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first *Error in err's chain. The end of a
// context is transient: the operation did not fail, it was stopped.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return KindTransient
	}
	return KindUnknown
}
