package stubprovider

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

// TestSchemas holds that each schema can be said in Terraform's protocol, and
// that Terraform could tell its attributes' roles.
func TestSchemas(t *testing.T) {
	for _, provider := range Names {
		c, err := loadCatalog(provider)
		if err != nil {
			t.Fatal(err)
		}
		if c.Version == "" || len(c.Resources) == 0 || len(c.DataSources) == 0 {
			t.Errorf("%s %q has %d resources and %d data sources", provider, c.Version, len(c.Resources), len(c.DataSources))
		}
		for name, s := range c.Resources {
			if _, err := s.protocol(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for attribute, a := range s.Block.Attributes {
				if a.Required && (a.Optional || a.Computed) || !a.Required && !a.Optional && !a.Computed {
					t.Errorf("%s.%s is required %t, optional %t, computed %t", name, attribute, a.Required, a.Optional, a.Computed)
				}
			}
		}
	}
	if _, err := loadCatalog("vultr"); err == nil {
		t.Error("there are schemas of vultr")
	}
}

// TestValuesAreMadeUpOnce holds what makes a second plan show no change: what
// is computed is unknown only where nothing is known, and always the same.
func TestValuesAreMadeUpOnce(t *testing.T) {
	b := &block{
		Attributes: map[string]*attribute{
			"id": {Type: cty.String, Optional: true, Computed: true}, "size": {Type: cty.Number, Required: true}, "note": {Type: cty.String, Optional: true},
		},
		Blocks: map[string]*nested{"disk": {Nesting: "list", Block: &block{Attributes: map[string]*attribute{"private_ip": {Type: cty.String, Computed: true}}}}},
	}
	disk := func(ip cty.Value) cty.Value {
		return cty.ListVal([]cty.Value{cty.ObjectVal(map[string]cty.Value{"private_ip": ip})})
	}
	given := cty.ObjectVal(map[string]cty.Value{"id": cty.NullVal(cty.String), "size": cty.NumberIntVal(3), "note": cty.NullVal(cty.String), "disk": disk(cty.NullVal(cty.String))})
	planned := b.markUnknown(given)
	if planned.GetAttr("id").IsKnown() || !planned.GetAttr("note").IsNull() || planned.GetAttr("disk").AsValueSlice()[0].GetAttr("private_ip").IsKnown() {
		t.Errorf("planned is %#v", planned)
	}
	applied := b.makeUp(planned, "machine/a", map[string]cty.Value{})
	if !applied.IsWhollyKnown() || applied.GetAttr("id").IsNull() || !strings.HasPrefix(applied.GetAttr("disk").AsValueSlice()[0].GetAttr("private_ip").AsString(), "10.") {
		t.Errorf("applied is %#v", applied)
	}
	if again := b.markUnknown(applied); !again.RawEquals(applied) {
		t.Errorf("a second plan has %#v", again)
	}
	if other := b.makeUp(planned, "machine/b", nil); other.RawEquals(applied) {
		t.Error("two machines are one")
	}
}

// TestAnotherAccountIsRefused has Terraform start the provider as it does.
func TestAnotherAccountIsRefused(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "stubprovider")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "./cmd/stubprovider").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config, err := exec.Command(binary, filepath.Join(t.TempDir(), "mirror")).Output()
	if err != nil {
		t.Fatal(err)
	}
	for account, refused := range map[string]bool{Account: false, "999999999999": true} {
		dir := t.TempDir()
		main := "provider \"aws\" {\n  region = \"us-east-1\"\n  allowed_account_ids = [\"" + account + "\"]\n}\nresource \"aws_vpc\" \"x\" {}\n"
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(main), 0o644); err != nil {
			t.Fatal(err)
		}
		terraform := func(args ...string) ([]byte, error) {
			cmd := exec.CommandContext(t.Context(), "terraform", args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+strings.TrimSpace(string(config)))
			return cmd.CombinedOutput()
		}
		if out, err := terraform("init", "-no-color"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out, err := terraform("plan", "-no-color", "-input=false")
		if (err != nil) != refused || refused && !strings.Contains(string(out), "AWS account ID not allowed") {
			t.Errorf("account %s: %v\n%s", account, err, out)
		}
	}
}

// TestWorld holds that what is being created exists, that what is gone is not
// found, and that nothing is kept unless it is asked for.
func TestWorld(t *testing.T) {
	vpc := cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("vpc-1"), "name": cty.StringVal("run-1")})
	if err := appear("aws_vpc", vpc); err != nil {
		t.Fatal(err)
	}
	if there, err := exists("aws_vpc", vpc); err != nil || !there {
		t.Errorf("without a world it exists: %t, %v", there, err)
	}
	dir := t.TempDir()
	t.Setenv(WorldVariable, dir)
	for _, want := range []bool{false, true, false} {
		if there, err := exists("aws_vpc", vpc); err != nil || there != want {
			t.Errorf("it exists: %t, %v, want %t", there, err, want)
		}
		if !want {
			if err := appear("aws_vpc", vpc); err != nil {
				t.Fatal(err)
			}
		} else if err := vanish("aws_vpc", vpc); err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "aws_vpc.*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("there are %q, %v", left, err)
	}
	if content, err := os.ReadFile(left[0]); err != nil || !strings.Contains(string(content), "run-1") {
		t.Errorf("%s, %v", content, err)
	}
}
