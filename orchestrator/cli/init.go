package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/skyctl/skyctl/orchestrator"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/setup"
)

type initCmd struct {
	Write      bool         `help:"Write a skyctl.yaml to start from, if there is no configuration yet."`
	Cloud      region.Cloud `enum:",aws,gcp,azure" default:"" placeholder:"CLOUD" help:"The cloud whose policy --policy writes, where the configuration names several: aws, gcp, azure."`
	Policy     string       `placeholder:"FILE" help:"Write the policy to hand to an administrator: all that skyctl needs there."`
	StageAgent string       `placeholder:"URL" help:"Upload skyagent below s3://BUCKET/PREFIX and print what the configuration has to say of it."`
}

type initDoc struct {
	Config    string        `json:"config"` // empty: there is none
	Written   bool          `json:"written"`
	Terraform terraformDoc  `json:"terraform"`
	Clouds    []cloudDoc    `json:"clouds"`
	Agents    []stagedAgent `json:"agents,omitempty"`
	outcome
}

type terraformDoc struct {
	Product string `json:"product,omitempty"`
	Version string `json:"version,omitempty"`
	Path    string `json:"path,omitempty"`
	Error   string `json:"error,omitempty"`
}

type cloudDoc struct {
	Cloud     region.Cloud    `json:"cloud"`
	Account   string          `json:"account"`
	Principal string          `json:"principal,omitempty"`
	Granted   []string        `json:"granted"`
	Missing   []string        `json:"missing"`
	Unchecked []string        `json:"unchecked"` // no dry run tells
	Policy    json.RawMessage `json:"policy,omitempty"`
	How       string          `json:"how,omitempty"` // to use the policy
	Error     string          `json:"error,omitempty"`
}

type stagedAgent struct {
	Architecture string `json:"architecture"`
	URL          string `json:"url"`
	SHA256       string `json:"sha256"`
	Until        string `json:"until"` // RFC 3339
}

// Run does all that it is asked for, and then says what is missing.
func (c *initCmd) Run(ctx context.Context, s service, out *console) error {
	doc := &initDoc{outcome: outcome{Success: true}}
	if c.Policy != "" {
		if err := c.writePolicy(s); err != nil {
			return err
		}
	}
	written := ""
	if c.Write {
		var err error
		if written, err = s.WriteConfig(); err != nil {
			return err
		}
	}
	setup := s.Setup(ctx)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	doc.describe(setup, written)
	out.answer(doc, func(w io.Writer) error { return initView(w, doc) })
	var errs []error
	if c.StageAgent != "" {
		staged, err := s.StageAgent(ctx, c.StageAgent)
		for _, a := range staged {
			doc.Agents = append(doc.Agents, stagedAgent{a.Architecture, a.URL, a.SHA256, moment(a.Until)})
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, missing(setup))...)
}

// missing is the error that not everything is there; nil if it is.
func missing(s setup.Setup) error {
	var errs []error
	if s.TerraformErr != nil {
		errs = append(errs, s.TerraformErr)
	}
	for _, c := range s.Clouds {
		switch {
		case c.Err != nil:
			errs = append(errs, c.Err)
		case len(c.Missing) > 0:
			errs = append(errs, fmt.Errorf("%s: the credentials lack %s", c.Cloud, strings.Join(c.Missing, ", ")))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &orchestrator.PreconditionError{Err: errors.Join(errs...), Hint: "hand an administrator what skyctl init --policy FILE writes"}
}

// writePolicy writes one cloud's document: each has a form of its own.
func (c *initCmd) writePolicy(s service) error {
	policy, err := s.Policy(c.Cloud)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Policy, append(policy.Document, '\n'), 0o600); err != nil {
		return &orchestrator.PreconditionError{Err: fmt.Errorf("the policy cannot be written: %w", err)}
	}
	return nil
}

func (d *initDoc) describe(s setup.Setup, written string) {
	d.Config, d.Written, d.Clouds = s.ConfigFile, written != "", []cloudDoc{}
	if d.Written {
		d.Config = written
	}
	if s.TerraformErr != nil {
		d.Terraform.Error = oneLine(s.TerraformErr.Error())
	} else {
		d.Terraform = terraformDoc{Product: string(s.Terraform.Product), Version: s.Terraform.Version.String(), Path: s.Terraform.Path}
	}
	for _, c := range s.Clouds {
		doc := cloudDoc{Cloud: c.Cloud, Account: c.Named, Principal: c.Identity.Principal, Granted: append([]string{}, c.Granted...),
			Missing: append([]string{}, c.Missing...), Unchecked: append([]string{}, c.Unchecked...), Policy: c.Policy.Document, How: c.Policy.How}
		if c.Err != nil {
			doc.Error = oneLine(c.Err.Error())
		}
		d.Clouds = append(d.Clouds, doc)
	}
}

func initView(w io.Writer, d *initDoc) error {
	var text strings.Builder
	switch {
	case d.Written:
		fmt.Fprintf(&text, "Configuration: %s, written to start from.\n", d.Config)
	case d.Config == "":
		text.WriteString("Configuration: none; skyctl init --write writes one to start from.\n")
	default:
		fmt.Fprintf(&text, "Configuration: %s\n", d.Config)
	}
	if d.Terraform.Error != "" {
		text.WriteString("Terraform: none that can be used\n")
	} else {
		fmt.Fprintf(&text, "Terraform: %s %s (%s)\n", d.Terraform.Product, d.Terraform.Version, d.Terraform.Path)
	}
	if len(d.Clouds) == 0 {
		text.WriteString("Clouds: the configuration names no account, so none was asked.\n")
	}
	for _, c := range d.Clouds {
		c.view(&text)
	}
	if len(d.Agents) > 0 {
		fmt.Fprintf(&text, "\n# skyagent, until %s at the latest:\nagent:\n", d.Agents[0].Until)
		for _, key := range []string{"url", "sha256"} {
			fmt.Fprintf(&text, "  %s:\n", key)
			for _, a := range d.Agents {
				fmt.Fprintf(&text, "    %s: %q\n", a.Architecture, map[string]string{"url": a.URL, "sha256": a.SHA256}[key])
			}
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func (c cloudDoc) view(text *strings.Builder) {
	fmt.Fprintf(text, "%s: account %s", c.Cloud, c.Account)
	if c.Principal != "" {
		fmt.Fprintf(text, ", as %s", c.Principal)
	}
	if c.Error != "" {
		text.WriteString(", could not be checked\n")
		return
	}
	fmt.Fprintf(text, ": %s granted, %d missing, %d that no dry run tells\n", quantity(len(c.Granted), "permission"), len(c.Missing), len(c.Unchecked))
	for _, p := range c.Missing {
		fmt.Fprintf(text, "  missing: %s\n", p)
	}
	if len(c.Missing) > 0 {
		fmt.Fprintf(text, "The policy, for an administrator; %s:\n%s\n", c.How, c.Policy)
	}
}
