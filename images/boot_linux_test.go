package images_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/skyctl/skyctl/agent/enroll"
)

// inside is set in the process that plays the machine.
const inside = "SKYCTL_TEST_MACHINE"

// TestMain lets the test binary be the machine: it is started again in
// namespaces of its own, where it may write anywhere.
func TestMain(m *testing.M) {
	if dir := os.Getenv(inside); dir != "" {
		os.Exit(machine(dir))
	}
	os.Exit(m.Run())
}

// cloudConfig is what of cloud-init's data a machine acts on.
type cloudConfig struct {
	BootCmd []string `yaml:"bootcmd"`
	Files   []struct {
		Path, Permissions, Encoding, Content string
	} `yaml:"write_files"`
	RunCmd [][]string `yaml:"runcmd"`
}

// values are what the template and Azure's part of it are filled in with.
func values(t *testing.T) map[string]any {
	t.Helper()
	authority, err := enroll.NewAuthority("test", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	notAfter := time.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339)
	boot, err := json.Marshal(map[string]any{
		"run": "test", "name": "azure-westus2-0", "listen": ":7443", "ca_certificate": authority.CertificatePEM(), "token": authority.NewToken(),
		"lifetime_seconds": 3600, "not_after": notAfter, "enroll_within_seconds": 1800,
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"boot": string(boot), "lifetime_seconds": 3600, "not_after": notAfter,
		"binaries": map[string]any{
			"amd64": map[string]string{"url": "https://example.org/skyagent?a=b&c=%2F", "sha256": agentSHA256},
			"arm64": map[string]string{"url": "https://example.org/skyagent?a=b&c=%2F", "sha256": agentSHA256},
		},
	}
}

// render has Terraform fill in the template, as the module of Azure does.
func render(t *testing.T) []byte { return renderWith(t, nil, "") }

// renderWith is render with some of the values changed, and with a script of the
// test's own for how a machine ends, unless that is empty.
func renderWith(t *testing.T, changed map[string]any, release string) []byte {
	t.Helper()
	dir := t.TempDir()
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	main := `variable "values" { type = any }
variable "release" { type = string }
locals {
  release = var.release != "" ? var.release : templatefile("` + here + `/../modules/azure-gateway/release.sh.tftpl", {
    client_id = "client", whole = true, management = "https://management.azure.com", group = "https://management.azure.com/subscriptions/s/resourceGroups/g"
  })
}
output "boot" { value = templatefile("` + here + `/boot.yaml.tftpl", merge(var.values, { release = local.release })) }
`
	all := values(t)
	maps.Copy(all, changed)
	given, err := json.Marshal(map[string]any{"values": all, "release": release})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"main.tf": []byte(main), "terraform.tfvars.json": given} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out []byte
	for _, args := range [][]string{{"apply", "-auto-approve", "-input=false", "-no-color"}, {"output", "-raw", "boot"}} {
		cmd := exec.CommandContext(t.Context(), "terraform", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE=", "TF_CLI_ARGS=")
		if out, err = cmd.CombinedOutput(); err != nil {
			t.Fatalf("terraform %v: %v\n%s", args, err, out)
		}
	}
	return out
}

func parse(t *testing.T, boot []byte) (c cloudConfig) {
	t.Helper()
	if err := yaml.Unmarshal(boot, &c); err != nil || !bytes.HasPrefix(boot, []byte("#cloud-config\n")) {
		t.Fatalf("%v in\n%s", err, boot)
	}
	for i, f := range c.Files {
		if f.Encoding == "b64" {
			content, err := base64.StdEncoding.DecodeString(f.Content)
			if err != nil {
				t.Fatal(err)
			}
			c.Files[i].Content = string(content)
		}
	}
	return c
}

// TestAgentTakesItsBootData has the agent's own code read what the machine
// writes down for it.
func TestAgentTakesItsBootData(t *testing.T) {
	boot := render(t)
	if len(boot) >= 16384 {
		t.Errorf("EC2 takes 16,384 bytes, and these are %d", len(boot))
	}
	for _, f := range parse(t, boot).Files {
		if f.Path != "/etc/skyctl/boot.json" {
			continue
		}
		path := filepath.Join(t.TempDir(), "boot.json")
		if err := os.WriteFile(path, []byte(f.Content), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := enroll.ReadBoot(path); err != nil || b.Lifetime() != time.Hour {
			t.Errorf("%+v, %v", b, err)
		}
		return
	}
	t.Error("the machine writes no boot data for its agent")
}

// TestMachine runs the boot's scripts, as they are, on a machine that is this
// one with directories, a network and a metadata service of its own. It needs
// root. systemd is played: what it would be asked is looked at.
func TestMachine(t *testing.T) {
	dir := t.TempDir()
	c := parse(t, render(t))
	plan, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan.json"), plan, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", self)
	cmd.Env = append(os.Environ(), inside+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if n := strings.Count(string(out), "\nok "); n < 8 {
		t.Errorf("the machine went through %d of its steps:\n%s", n, out)
	}
}
