package engine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/terraform/render"
	"github.com/skyctl/skyctl/terraform/stubprovider"
)

// twoClouds is a root in which each cloud's firewall names the other's machine.
func twoClouds() render.Deployment {
	return render.Deployment{
		Run: "test", Owner: "ops", CACertificate: "certificate", Lifetime: time.Hour, NotAfter: time.Now().Add(time.Hour), EnrollWithin: time.Minute,
		ControlCIDRs:  []string{"203.0.113.7/32"},
		Tokens:        map[string]string{"aws-us-east-1-0": "a", "azure-westus2-0": "b"},
		AgentBinaries: map[string]render.Binary{"amd64": {URL: "https://example.org/skyagent", SHA256: strings.Repeat("a", 64)}},
		Azure:         render.AzureAccount{SubscriptionID: stubprovider.Account},
		Regions: []render.Region{
			{Name: "aws:us-east-1", Slug: "aws-us-east-1", Peers: []string{"azure-westus2-0"}, Gateways: []render.Gateway{{Name: "aws-us-east-1-0", Machine: "c6in.large"}}},
			{Name: "azure:westus2", Slug: "azure-westus2", Peers: []string{"aws-us-east-1-0"}, Gateways: []render.Gateway{{Name: "azure-westus2-0", Machine: "Standard_D2_v5"}}},
		},
	}
}

// TestDestroyWithFaults holds that a cloud that fails keeps no other cloud's
// machines, whatever refers to them.
func TestDestroyWithFaults(t *testing.T) {
	t.Setenv("TF_CLI_CONFIG_FILE", stubConfig(t))
	applied := t.TempDir()
	files, err := render.Render(twoClouds())
	if err != nil {
		t.Fatal(err)
	}
	if err := render.Write(applied, files); err != nil {
		t.Fatal(err)
	}
	e, _ := newEngine(t, applied)
	apply(t, e, PlanOptions{})
	for name, tc := range map[string]struct {
		faults []stubprovider.Fault
		left   string // the module of which something is left
	}{
		"a cloud is down": {[]stubprovider.Fault{{Region: "westus2", Error: "503"}, {Type: "azurerm_network_security_rule", Error: "503"}, {On: "data", Type: "azurerm_subscription", Error: "503"}}, "azure_westus2"},
		"everything is gone, one read fails, and a cloud is slow": {[]stubprovider.Fault{{On: "read", Region: "westus2", Missing: true},
			{On: "read", Type: "aws_instance", Error: "throttled"}, {On: "delete", Region: "westus2", DelaySeconds: 0.5}}, ""},
		"one machine stays": {[]stubprovider.Fault{{On: "delete", Type: "aws_instance", Error: "denied"}}, "aws_us_east_1"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := filepath.Join(t.TempDir(), "faults.json")
			t.Setenv(stubprovider.FaultsVariable, faults)
			content, err := json.Marshal(tc.faults)
			if err == nil {
				err = os.WriteFile(faults, content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(applied)); err != nil {
				t.Fatal(err)
			}
			e, _ := newEngine(t, dir)
			err = e.Destroy(t.Context())
			left, listErr := e.StateList(t.Context())
			if listErr != nil {
				t.Fatal(listErr)
			}
			if tc.left == "" {
				if err != nil || len(left) != 0 {
					t.Errorf("left are %q, %v", left, err)
				}
				return
			}
			var remaining *RemainingError
			if !errors.As(err, &remaining) || len(left) == 0 {
				t.Errorf("left are %q, and the error is %v", left, err)
			}
			for _, address := range left {
				if !strings.HasPrefix(address, "module."+tc.left+".") && strings.Contains(address, ".gateway[") {
					t.Errorf("%s is left, and its cloud is well", address)
				}
			}
		})
	}
}

// TestACloudThatLeavesThePlan renders a plan without Azure over one with it,
// one without any region over that, and both clouds again: each time Terraform
// destroys the machines that left with the provider that created them. The
// networks stay until the run is destroyed, which leaves nothing.
func TestACloudThatLeavesThePlan(t *testing.T) {
	t.Setenv("TF_CLI_CONFIG_FILE", stubConfig(t))
	dir := t.TempDir()
	both, one, none := twoClouds(), twoClouds(), twoClouds()
	one.Regions, none.Regions = one.Regions[:1], nil
	one.Regions[0].Peers = nil
	var e *Engine
	for i, d := range []render.Deployment{both, one, one, none, both, none} {
		files, err := render.Render(d)
		if err == nil {
			err = render.Write(dir, files)
		}
		if err != nil {
			t.Fatal(err)
		}
		e, _ = newEngine(t, dir)
		apply(t, e, PlanOptions{})
		left, err := e.StateList(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var machines, want []string
		for _, address := range left {
			if strings.Contains(address, ".aws_instance.") || strings.Contains(address, ".azurerm_linux_virtual_machine.") {
				machines = append(machines, address)
			}
		}
		for _, r := range d.Regions {
			want = append(want, render.GatewayAddress(r, r.Gateways[0].Name))
		}
		if !slices.Equal(machines, want) {
			t.Errorf("step %d: there are %q, want %q", i, machines, want)
		}
		providers, err := os.ReadFile(filepath.Join(dir, "providers.tf"))
		if err != nil || strings.Count(string(providers), `provider "azurerm"`) != 1 || strings.Count(string(providers), stubprovider.Account) != 1 {
			t.Errorf("step %d: %v\n%s", i, err, providers)
		}
	}
	if err := e.Destroy(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := e.StateList(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("destroy leaves %q, %v", left, err)
	}
}

// TestCutModules keeps what is within a module, and what the root has.
func TestCutModules(t *testing.T) {
	const state = `{"serial":4,"big":12345678901234567890,"resources":[{"module":"module.a","instances":[{"dependencies":["module.a.x.y","module.ab.x.y","module.b[\"k\"].x.y","root.x"]}]}]}`
	const want = `{"big":12345678901234567890,"resources":[{"instances":[{"dependencies":["module.a.x.y","root.x"]}],"module":"module.a"}],"serial":5}`
	got, changed, err := cutModules([]byte(state))
	if err != nil || !changed || string(got) != want {
		t.Errorf("%s, %t, %v", got, changed, err)
	}
	if _, changed, err := cutModules(got); err != nil || changed {
		t.Errorf("what is cut is cut again: %t, %v", changed, err)
	}
}
