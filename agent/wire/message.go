package wire

import (
	"strings"
	"unicode/utf8"
)

// MaxMessage is the longest message that travels, in bytes.
const MaxMessage = 1 << 10

const elision = " … "

// shorten cuts a message to MaxMessage, in the middle: what was done stands at
// its beginning, a key may come then, and why it failed is at the end.
func shorten(message string) string {
	if len(message) <= MaxMessage {
		return message
	}
	const kept = (MaxMessage - len(elision)) / 2
	head, tail := message[:kept], message[len(message)-kept:]
	for len(head) > 0 && !utf8.RuneStart(message[len(head)]) {
		head = head[:len(head)-1]
	}
	return head + elision + strings.TrimLeftFunc(tail, func(r rune) bool { return r == utf8.RuneError })
}
