package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLongMessage keeps what was done and why it failed, whatever the key.
func TestLongMessage(t *testing.T) {
	for _, key := range []string{strings.Repeat("k", 2000), strings.Repeat("漢", 700), strings.Repeat("é", 1000) + "x", strings.Repeat("\xff", 3000)} {
		got := shorten("put bucket: " + key + ": invalid: the key is too long")
		if len(got) > MaxMessage || !strings.HasPrefix(got, "put bucket: ") || !strings.Contains(got, elision) || !strings.HasSuffix(got, ": invalid: the key is too long") {
			t.Errorf("%q", got)
		}
		if utf8.ValidString(key) && !utf8.ValidString(got) {
			t.Errorf("a character is cut in %q", got)
		}
	}
	if got := shorten(strings.Repeat("\x80", 3000)); len(got) > MaxMessage {
		t.Errorf("%d bytes", len(got))
	}
	if got := shorten("short"); got != "short" {
		t.Errorf("%q", got)
	}
}
