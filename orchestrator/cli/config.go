package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
)

type configCmd struct{}

type configDoc struct {
	File   string          `json:"file"`   // empty: there is none, and the rest is the defaults
	Config json.RawMessage `json:"config"` // with the keys of the file, and no credentials
}

func (configCmd) Run(g *globals, out *console) error {
	cfg, err := loadConfig(g.Config)
	if err != nil {
		return err
	}
	text, err := cfg.Show()
	if err != nil {
		return err
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return fmt.Errorf("show the configuration: %w", err)
	}
	out.answer(configDoc{cfg.File, asJSON}, func(w io.Writer) error {
		from := cfg.File
		if from == "" {
			from = "no file; these are the defaults, and skyctl init --write writes a file to start from"
		}
		_, err := fmt.Fprintf(w, "# %s\n%s", from, text)
		return err
	})
	return nil
}
