package config

import (
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"github.com/skyctl/skyctl/orchestrator/region"
)

// tokenize splits a document into tokens in which regions are whole.
//
// In YAML a colon ends a plain scalar only if a space follows it, so that
// [local:east] is a list of one string. goccy/go-yaml (its issue 832) takes it
// for a list of one mapping, inside brackets and braces alone, and the key in
// {local:east: {}} for the mapping of local to "east:". Regions are such
// strings and such keys, and configurations are full of them.
func tokenize(data []byte) token.Tokens {
	var whole token.Tokens
	tokens := lexer.Tokenize(string(data))
	for i := 0; i < len(tokens); i++ {
		if i+2 >= len(tokens) || !adjacent(tokens[i], tokens[i+1], tokens[i+2]) {
			whole.Add(tokens[i])
			continue
		}
		cloud, name := tokens[i], tokens[i+2]
		value, isKey := strings.CutSuffix(name.Value, ":")
		text := cloud.Value + ":" + value
		if _, err := region.Parse(text); err != nil {
			whole.Add(cloud)
			continue
		}
		whole.Add(token.String(text, text, cloud.Position))
		if isKey {
			end := *name.Position
			end.Column += len(value)
			end.Offset += len(value)
			whole.Add(token.MappingValue(&end))
		}
		i += 2
	}
	return whole
}

// adjacent tells whether three tokens are a word, a colon and a word or number
// with nothing between them.
func adjacent(word, colon, next *token.Token) bool {
	return word.Type == token.StringType && colon.Type == token.MappingValueType &&
		(next.Type == token.StringType || next.Type == token.IntegerType) &&
		word.Position.Offset+len(word.Value) == colon.Position.Offset &&
		colon.Position.Offset+1 == next.Position.Offset
}
