package deploy

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/terraform/render"
	"github.com/skyctl/skyctl/terraform/stubprovider"
)

// cloudConfig is a transfer from AWS over Azure to GCP, with networks of the
// user's own where the configuration can name them.
func cloudConfig(t *testing.T) Config {
	t.Helper()
	path := []region.Region{"aws:us-east-1", "azure:westus2", "gcp:us-central1"}
	o := &overlay.Overlay{}
	o.Regions = []overlay.Region{{Region: path[0], Gateways: 2, Machine: "c6in.8xlarge"}, {Region: path[1], Gateways: 1, Machine: "Standard_D32_v5"}, {Region: path[2], Gateways: 1, Machine: "n2-standard-32"}}
	o.Edges = []overlay.Edge{{From: path[0], To: path[1], Connections: 64}, {From: path[1], To: path[2], Connections: 64}}
	o.Routes = []overlay.Route{{Path: path, Gbits: 5}}
	l, err := layout.Build(o, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := config.Default()
	s.Agent = config.Agent{URL: config.URLs{"": "https://example.org/skyagent-linux-amd64"}, SHA256: config.Checksums{region.AMD64: strings.Repeat("a", 64)}}
	s.Control.CIDRs = config.CIDRs{"203.0.113.7/32"}
	s.Clouds = config.Clouds{
		AWS: config.AWS{AccountID: stubprovider.Account, PermissionsBoundary: "arn:aws:iam::123456789012:policy/b",
			Networks: map[string]config.AWSNetwork{"us-east-1": {VPCID: stubprovider.VPC, SubnetIDs: []string{"subnet-1"}}}},
		GCP:   config.GCP{Project: "p", Network: "n", Subnetworks: map[string]string{"us-central1": "s"}, Zones: map[string][]string{"us-central1": {"us-central1-f"}}},
		Azure: config.Azure{SubscriptionID: "i", ResourceGroup: "g", SubnetIDs: map[string]string{"westus2": "s"}},
	}
	return Config{Run: newRun(t), Layout: l, Settings: s, Lifetime: time.Hour}
}

func TestCloudRegionsAreDescribed(t *testing.T) {
	cfg := cloudConfig(t)
	cfg.Settings.Addresses = config.Private
	d, err := preview(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if d.EnrollWithin != 30*time.Minute || d.AgentBinaries["amd64"].URL != cfg.Settings.Agent.URL[""] {
		t.Errorf("%+v", d)
	}
	want := []struct {
		region    string
		peers     []string
		arguments map[string]any
	}{
		{"aws:us-east-1", []string{"azure-westus2-0"}, map[string]any{
			"identity": map[string]any{"permissions_boundary_arn": "arn:aws:iam::123456789012:policy/b"},
			"network":  map[string]any{"public_addresses": false, "vpc_id": stubprovider.VPC, "subnet_ids": []string{"subnet-1"}}}},
		{"azure:westus2", []string{"aws-us-east-1-0", "aws-us-east-1-1", "gcp-us-central1-0"}, map[string]any{
			"resource_group_name": "g", "network": map[string]any{"public_addresses": false, "subnet_id": "s"}}},
		{"gcp:us-central1", []string{"azure-westus2-0"}, map[string]any{
			"network": map[string]any{"public_addresses": false, "network": "n", "subnetwork": "s", "zones": []string{"us-central1-f"}}}},
	}
	for i, r := range d.Regions {
		if r.Name != want[i].region || !reflect.DeepEqual(r.Peers, want[i].peers) || !reflect.DeepEqual(r.Arguments, want[i].arguments) {
			t.Errorf("got  %s %v %v\nwant %s %v %v", r.Name, r.Peers, r.Arguments, want[i].region, want[i].peers, want[i].arguments)
		}
	}
}

// TestRenderForClouds renders as skyctl render does, and has Terraform judge it
// by the providers' schemas.
func TestRenderForClouds(t *testing.T) {
	stub := stubConfig(t)
	cfg := cloudConfig(t)
	dir := filepath.Join(t.TempDir(), "root")
	if err := Render(cfg, dir); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-input=false"}, {"validate"}, {"plan", "-input=false"}} {
		cmd := exec.CommandContext(t.Context(), "terraform", append(args, "-no-color")...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+stub)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("terraform %v: %v\n%s", args, err, out)
		}
	}
}

func TestCloudsAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"AWS account":  {func(s *config.Config) { s.Clouds.AWS.AccountID = "" }, "set clouds.aws.account_id"},
		"project":      {func(s *config.Config) { s.Clouds.GCP.Project = "" }, "set clouds.gcp.project"},
		"subscription": {func(s *config.Config) { s.Clouds.Azure.SubscriptionID = "" }, "set clouds.azure.subscription_id"},
		"subnetwork":   {func(s *config.Config) { s.Clouds.GCP.Subnetworks = nil }, "for gcp:us-central1 one is not"},
		"network":      {func(s *config.Config) { s.Clouds.GCP.Network = "" }, "for gcp:us-central1 one is not"},
		"workstation":  {func(s *config.Config) { s.Addresses, s.Control.CIDRs = config.Private, nil }, "set control.cidrs"},
		"agent":        {func(s *config.Config) { s.Agent.SHA256 = nil }, "set agent.url and agent.sha256"},
		"architecture": {func(s *config.Config) { s.Agent.SHA256 = config.Checksums{region.ARM64: s.Agent.SHA256[region.AMD64]} }, "is amd64, and there is no agent for that"},
	} {
		cfg := cloudConfig(t)
		tc.change(cfg.Settings)
		if _, err := New(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAgentOfEachArchitectureIsRendered: the machine decides which one it
// fetches, so the module is given all that there are.
func TestAgentOfEachArchitectureIsRendered(t *testing.T) {
	cfg := cloudConfig(t)
	cfg.Settings.Agent = config.Agent{URL: config.URLs{"": "https://example.org/{arch}/skyagent"},
		SHA256: config.Checksums{region.AMD64: strings.Repeat("a", 64), region.ARM64: strings.Repeat("b", 64)}}
	cfg.Layout.Gateways[0].Machine = "c7gn.8xlarge"
	if err := checkClouds(cfg); err != nil {
		t.Error(err)
	}
	d, err := preview(cfg)
	want := map[string]render.Binary{
		"amd64": {URL: "https://example.org/amd64/skyagent", SHA256: strings.Repeat("a", 64)},
		"arm64": {URL: "https://example.org/arm64/skyagent", SHA256: strings.Repeat("b", 64)}}
	if err != nil || !maps.Equal(d.AgentBinaries, want) {
		t.Errorf("%v, %v", d.AgentBinaries, err)
	}
}

func TestControlCIDRs(t *testing.T) {
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) }))
	defer server.Close()
	defer func(before string) { whoAmI = before }(whoAmI)
	whoAmI = server.URL
	cfg := cloudConfig(t)
	cfg.Settings.Control.CIDRs = nil
	for _, tc := range []struct{ answer, want, refused string }{
		{"198.51.100.9\n", "198.51.100.9/32", ""},
		{"2001:db8::9\n", "", "no IPv4 address"},
		{"<html>", "", "set control.cidrs"},
	} {
		answer = tc.answer
		got, err := controlCIDRs(t.Context(), cfg)
		if tc.refused == "" && (err != nil || len(got) != 1 || got[0] != tc.want) || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
			t.Errorf("%q: %v, %v", tc.answer, got, err)
		}
	}
	cfg.Layout = &layout.Layout{Gateways: []layout.Gateway{{Name: "local-east-0", Region: "local:east"}}}
	if got, err := controlCIDRs(t.Context(), cfg); len(got) != 0 || err != nil {
		t.Errorf("processes of this machine need none, and got %v, %v", got, err)
	}
}

// TestRelocated: a workstation that has another address by now is let in from
// there, by whoever goes on with the run too.
func TestRelocated(t *testing.T) {
	address := "203.0.113.9"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(address))
	}))
	defer server.Close()
	defer func(before string) { whoAmI = before }(whoAmI)
	whoAmI = server.URL
	cfg := cloudConfig(t)
	cfg.Settings.Control.CIDRs = nil
	d, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.decide(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		is        string
		elsewhere bool
		lets      string
	}{
		{"203.0.113.9", false, "203.0.113.9/32"},
		{"198.51.100.4", true, "198.51.100.4/32"},
		{"198.51.100.4", false, "198.51.100.4/32"},
		{"nobody knows", false, "198.51.100.4/32"},
	} {
		address = step.is
		if elsewhere, err := d.relocated(t.Context()); err != nil || elsewhere != step.elsewhere {
			t.Errorf("at %s: elsewhere %t, %v", step.is, elsewhere, err)
		}
		next, err := New(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := next.load(); err != nil || !reflect.DeepEqual(next.choices.ControlCIDRs, []string{step.lets}) {
			t.Errorf("at %s the next process lets in %q, %v", step.is, next.choices.ControlCIDRs, err)
		}
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	}
}
