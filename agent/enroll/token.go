package enroll

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
)

// tokenSize is the entropy of a token in bytes.
const tokenSize = 32

// Token is the one-time secret that an orchestrator and a gateway share until
// the gateway is enrolled: 32 random bytes in unpadded base64url. It prints and
// logs as a placeholder; string(t) is the secret.
type Token string

// newToken returns a fresh token.
func newToken() Token {
	var b [tokenSize]byte
	rand.Read(b[:]) // never fails: the process ends instead
	return Token(base64.RawURLEncoding.EncodeToString(b[:]))
}

// key returns the bytes that a token stands for.
func (t Token) key() ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(t))
	if err != nil || len(b) != tokenSize {
		return nil, fmt.Errorf("token is not %d bytes in unpadded base64url", tokenSize)
	}
	return b, nil
}

// String keeps the secret out of messages.
func (t Token) String() string { return "[token]" }

// GoString keeps the secret out of %#v.
func (t Token) GoString() string { return "[token]" }

// LogValue keeps the secret out of logs, JSON logs too.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }
