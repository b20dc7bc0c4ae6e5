package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/unit"
)

// FileName is the name of the configuration file in a working directory.
const FileName = "skyctl.yaml"

// LookupEnv finds an environment variable, as os.LookupEnv does.
type LookupEnv func(name string) (string, bool)

// Load reads the configuration: from path if there is one, else from
// skyctl.yaml in the working directory, else from skyctl/skyctl.yaml in
// $XDG_CONFIG_HOME (by default ~/.config). Where none of the two exists it is
// Default; a path that does not exist is an error.
func Load(path string, env LookupEnv) (*Config, error) {
	candidates := []string{path}
	if path == "" {
		candidates = searchPath(env)
	}
	for _, name := range candidates {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) && path == "" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("configuration cannot be read: %w", err)
		}
		return Parse(name, data, env)
	}
	return Default(), nil
}

// searchPath lists where a configuration may be, in order.
func searchPath(env LookupEnv) []string {
	names := []string{FileName}
	if dir, _ := env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return append(names, filepath.Join(dir, "skyctl", FileName))
	}
	if home, _ := env("HOME"); home != "" {
		names = append(names, filepath.Join(home, ".config", "skyctl", FileName))
	}
	return names
}

// Parse reads a configuration from data; name is for messages.
func Parse(name string, data []byte, env LookupEnv) (*Config, error) {
	c := Default()
	c.File = name
	file, err := parser.Parse(tokenize(data), 0)
	if err != nil {
		return nil, located(name, err)
	}
	switch {
	case len(file.Docs) > 1 && file.Docs[1].Body != nil:
		return nil, fmt.Errorf("%s:%d: configuration is one document, remove the ---", name, file.Docs[1].Body.GetToken().Position.Line)
	case len(file.Docs) > 0 && file.Docs[0].Body != nil:
		body := file.Docs[0].Body
		x := &expander{name: name, env: env}
		ast.Walk(x, body)
		if x.err != nil {
			return nil, x.err
		}
		if err := decode(body, c); err != nil {
			return nil, located(name, err)
		}
	}
	if err := c.normalise(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// decode fills c from the tree. Regions are checked with the rest, where their
// keys are known.
func decode(body ast.Node, c *Config) error {
	return yaml.NewDecoder(bytes.NewReader(nil),
		yaml.Strict(),
		yaml.CustomUnmarshaler(func(r *region.Region, text []byte) error {
			var s string
			err := yaml.Unmarshal(text, &s)
			*r = region.Region(s)
			return err
		}),
		yaml.CustomUnmarshaler(func(b *unit.Bytes, text []byte) error {
			var s string
			if err := yaml.Unmarshal(text, &s); err != nil {
				return err
			}
			return b.UnmarshalText([]byte(s))
		}),
		yaml.CustomUnmarshaler(func(n *int, text []byte) (err error) {
			s := strings.Trim(strings.TrimSpace(string(text)), `"'`)
			if *n, err = strconv.Atoi(s); err != nil {
				return fmt.Errorf("%q is not a whole number", s)
			}
			return nil
		}),
	).DecodeFromNode(body, c)
}

// located puts a decoder's error on one line that begins with file and line.
func located(name string, err error) error {
	var y yaml.Error
	if errors.Is(err, io.EOF) || !errors.As(err, &y) || y.GetToken() == nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p := y.GetToken().Position
	return fmt.Errorf("%s:%d:%d: %s", name, p.Line, p.Column, strings.ReplaceAll(y.GetMessage(), "\n", " "))
}

// variable is ${NAME}, or what looks as if it should be.
var variable = regexp.MustCompile(`\$\{([^}]*)\}?`)

// expander replaces ${NAME} in the strings among a document's values. What a
// variable holds is never read as YAML, nor expanded again.
type expander struct {
	name string
	env  LookupEnv
	err  error
}

// Visit is called for every node; keys are left alone.
func (x *expander) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.MappingValueNode:
		ast.Walk(x, n.Value)
		return nil
	case *ast.LiteralNode:
		x.expand(n.Value)
		return nil
	case *ast.StringNode:
		x.expand(n)
	}
	return x
}

func (x *expander) expand(n *ast.StringNode) {
	if !strings.Contains(n.Value, "${") {
		return
	}
	n.Value = variable.ReplaceAllStringFunc(n.Value, func(match string) string {
		name := variable.FindStringSubmatch(match)[1]
		value, ok := x.env(name)
		if x.err == nil && (!ok || !strings.HasSuffix(match, "}")) {
			what := fmt.Sprintf("environment variable %s is not set", name)
			if name == "" || !strings.HasSuffix(match, "}") {
				what = fmt.Sprintf("%q is not ${NAME}", match)
			}
			x.err = fmt.Errorf("%s:%d: %s", x.name, n.GetToken().Position.Line, what)
		}
		return value
	})
	// Types that read themselves are given the token's text, not the value.
	t := n.Token
	t.Type, t.Value, t.Origin = token.DoubleQuoteType, n.Value, strconv.Quote(n.Value)
}
