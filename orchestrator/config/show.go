package config

import (
	"fmt"
	"maps"

	"github.com/goccy/go-yaml"

	"github.com/skyctl/skyctl/orchestrator/unit"
)

// hidden stands for what a configuration holds and nobody is to see.
const hidden = "(hidden)"

// Show returns the configuration as YAML that Parse takes: defaults filled in,
// variables expanded, and no credentials. Keys without a value are left out.
func (c *Config) Show() ([]byte, error) {
	shown := *c
	shown.Stores = maps.Clone(c.Stores)
	for name, s := range shown.Stores {
		s.Credentials = maps.Clone(s.Credentials)
		for key := range s.Credentials {
			s.Credentials[key] = hidden
		}
		shown.Stores[name] = s
	}
	text, err := yaml.MarshalWithOptions(&shown, yaml.OmitEmpty(), yaml.IndentSequence(true),
		yaml.CustomMarshaler(func(b unit.Bytes) ([]byte, error) { return []byte(b.String()), nil }))
	if err != nil {
		return nil, fmt.Errorf("show the configuration: %w", err)
	}
	return text, nil
}
