package cli

import (
	"regexp"
	"strings"
)

// further are the commands that texts tell to go on with.
var further = regexp.MustCompile(`skyctl (?:(?:apply|resume|destroy)(?: [0-9]{6}-[0-9a-z]{8})+|gc --delete)`)

// usable has the commands in a text read the configuration that this one read,
// where that was named: the next one would find another, or none.
func usable(text, config string) string {
	if config == "" {
		return text
	}
	return further.ReplaceAllStringFunc(text, func(command string) string { return command + " --config " + quoted(config) })
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// quoted is a word as a shell reads it.
func quoted(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
