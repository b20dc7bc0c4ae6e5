package render

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skyctl/skyctl/terraform/binary"
	"github.com/skyctl/skyctl/terraform/stubprovider"
	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
)

var update = flag.Bool("update", false, "write the golden files")

// threeRegions is a transfer from east over mid to two gateways in west.
func threeRegions() Deployment {
	return Deployment{
		Run:   "20261122-k3v9",
		Owner: "ops@example.org",
		Tags:  map[string]string{"team": "data"},
		Regions: []Region{
			{
				Name: "local:west", Slug: "local-west", Peers: []string{"local-mid-0"},
				Gateways: []Gateway{
					{Name: "local-west-1", Host: Host{Address: "198.18.2.2", Netns: "lab-west-2", Port: 41001}},
					{Name: "local-west-0", Host: Host{Address: "198.18.2.1", Netns: "lab-west-1", Port: 41001}},
				},
			},
			{
				Name: "local:east", Slug: "local-east", Peers: []string{"local-mid-0"},
				Gateways: []Gateway{{Name: "local-east-0", Host: Host{Address: "127.0.0.1", Port: 41000}}},
			},
			{
				Name: "local:mid", Slug: "local-mid", Peers: []string{"local-west-1", "local-west-0", "local-east-0"},
				Gateways: []Gateway{{Name: "local-mid-0", Machine: "process", Zone: "rack-3", Spot: true, Host: Host{Address: "::1", Port: 41002}}},
			},
		},
		AgentPath:     "/usr/local/bin/skyagent",
		CACertificate: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		Tokens: map[string]string{
			"local-east-0": "token-east", "local-mid-0": "token-mid", "local-west-0": "token-west-0", "local-west-1": "token-west-1",
		},
		Lifetime:     2 * time.Hour,
		NotAfter:     time.Date(2026, 11, 22, 15, 4, 5, 0, time.FixedZone("", 3600)),
		EnrollWithin: 5 * time.Minute,
		ControlCIDRs: []string{"127.0.0.0/8"},
	}
}

func withBackend() Deployment {
	d := threeRegions()
	d.Regions = d.Regions[1:2]
	d.Regions[0].Peers = nil
	d.Backend = &Backend{Type: "s3", Config: map[string]any{
		"bucket": "state", "key": `runs/"a"/${b}`, "use_lockfile": true, "max_retries": 3,
		"assume_role": map[string]any{"role_arn": "arn:aws:iam::123456789012:role/state", "policy_arns": []any{"a", "b"}},
	}}
	return d
}

// sixRegions is a transfer over all clouds: from AWS over GCP and Azure to AWS,
// a host in a rack, and this machine.
func sixRegions() Deployment {
	d := threeRegions()
	d.AgentBinaries = map[string]Binary{
		"amd64": {"https://example.org/skyagent-linux-amd64", strings.Repeat("a", 64)},
		"arm64": {"https://example.org/skyagent-linux-arm64", strings.Repeat("b", 64)},
	}
	d.AWS = AWSAccount{ID: "123456789012", Profile: "transfers", AssumeRole: "arn:aws:iam::123456789012:role/skyctl"}
	d.GCP = GCPAccount{Project: "transfers", ImpersonateServiceAccount: "skyctl@transfers.iam.gserviceaccount.com"}
	d.Azure = AzureAccount{SubscriptionID: "00000000-0000-0000-0000-000000000001", TenantID: "00000000-0000-0000-0000-000000000002"}
	relays := []string{"azure-westus2-0", "gcp-us-central1-0"}
	d.Regions = []Region{
		{Name: "aws:us-east-1", Slug: "aws-us-east-1", Peers: relays, Gateways: []Gateway{
			{Name: "aws-us-east-1-0", Machine: "c7gn.8xlarge", Zone: "us-east-1b"}, {Name: "aws-us-east-1-1", Machine: "c6in.8xlarge", Spot: true}}},
		{Name: "aws:eu-west-1", Slug: "aws-eu-west-1", Peers: relays, Gateways: []Gateway{{Name: "aws-eu-west-1-0", Machine: "c7gn.8xlarge"}},
			Arguments: map[string]any{"network": map[string]any{"vpc_id": stubprovider.VPC, "subnet_ids": []string{"subnet-1", "subnet-2"}, "public_addresses": false}}},
		{Name: "gcp:us-central1", Slug: "gcp-us-central1", Peers: []string{"aws-us-east-1-0", "aws-us-east-1-1", "aws-eu-west-1-0", "local-east-0"},
			Gateways: []Gateway{{Name: "gcp-us-central1-0", Machine: "n2-standard-32"}}},
		{Name: "azure:westus2", Slug: "azure-westus2", Peers: []string{"aws-us-east-1-0", "aws-us-east-1-1", "aws-eu-west-1-0", "ssh-rack1-0"},
			Gateways: []Gateway{{Name: "azure-westus2-0", Machine: "Standard_D32_v5"}}, Arguments: map[string]any{"resource_group_name": "transfers"}},
		{Name: "ssh:rack1", Slug: "ssh-rack1", Peers: []string{"azure-westus2-0"},
			Gateways: []Gateway{{Name: "ssh-rack1-0", Host: Host{Address: "192.0.2.7", Port: 7443, User: "ops", IdentityFile: "/home/ops/.ssh/id_ed25519"}}}},
		{Name: "local:east", Slug: "local-east", Peers: []string{"gcp-us-central1-0"},
			Gateways: []Gateway{{Name: "local-east-0", Host: Host{Address: "127.0.0.1", Port: 41000}}}},
	}
	d.Tokens = map[string]string{}
	for _, name := range gatewaysOf(d) {
		d.Tokens[name] = "token-" + name
	}
	return d
}

// twoRegions is what most transfers are: from one cloud to another, without
// any configuration.
func twoRegions() Deployment {
	d := sixRegions()
	d.AWS, d.GCP, d.Azure, d.AgentPath, d.AgentBinaries = AWSAccount{}, GCPAccount{}, AzureAccount{}, "", nil
	d.Regions = []Region{d.Regions[0], d.Regions[2]}
	d.Regions[0].Peers, d.Regions[1].Peers = []string{"gcp-us-central1-0"}, []string{"aws-us-east-1-0", "aws-us-east-1-1"}
	return d
}

func TestGolden(t *testing.T) {
	for name, d := range map[string]Deployment{"three-regions": threeRegions(), "backend": withBackend(), "two-clouds": twoRegions(), "six-regions": sixRegions()} {
		t.Run(name, func(t *testing.T) {
			files, err := Render(d)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				writeGolden(t, golden, files)
			}
			var want []string
			for _, f := range files {
				if strings.HasPrefix(f.Path, "modules/") {
					continue // as they are; see TestModulesAreCopied
				}
				want = append(want, f.Path)
				content, err := os.ReadFile(filepath.Join(golden, goldenName(f.Path)))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(content, f.Content) {
					t.Errorf("%s differs from its golden file; if that is meant, run with -update:\n%s", f.Path, f.Content)
				}
			}
			entries, err := os.ReadDir(golden)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != len(want) {
				t.Errorf("%d golden files for %d rendered ones %q", len(entries), len(want), want)
			}
		})
	}
}

// goldenName keeps git and Terraform from taking a golden file for a real one.
func goldenName(path string) string { return strings.TrimPrefix(path, ".") + ".golden" }

func writeGolden(t *testing.T, dir string, files []File) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Path, "modules/") {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, goldenName(f.Path)), f.Content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestModulesAreCopied(t *testing.T) {
	files, err := Render(threeRegions())
	if err != nil {
		t.Fatal(err)
	}
	rendered := map[string][]byte{}
	for _, f := range files {
		rendered[f.Path] = f.Content
	}
	for _, name := range []string{"main.tf", "variables.tf", "scripts/start.sh", "scripts/stop.sh", "README.md"} {
		want, err := os.ReadFile(filepath.Join("../../modules/local-gateway", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(rendered["modules/local-gateway/"+name], want) {
			t.Errorf("modules/local-gateway/%s is not a copy", name)
		}
	}
}

// TestSecretsAreInOneFile renders for a machine whose paths and secrets may
// not show up in what is kept in a repository.
func TestSecretsAreInOneFile(t *testing.T) {
	files, err := Render(threeRegions())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Path == VariablesFile {
			if f.Mode != 0o600 {
				t.Errorf("%s has mode %o", f.Path, f.Mode)
			}
			continue
		}
		for _, secret := range []string{"token-", "BEGIN CERTIFICATE", "/usr/local/bin/skyagent"} {
			if !strings.HasPrefix(f.Path, "modules/") && bytes.Contains(f.Content, []byte(secret)) {
				t.Errorf("%s contains %s", f.Path, secret)
			}
		}
	}
}

// TestTerraformAccepts has the real Terraform judge form and meaning.
func TestTerraformAccepts(t *testing.T) {
	found, err := binary.Find(t.Context(), binary.Options{})
	if err != nil {
		t.Fatal(err)
	}
	three := threeRegions()
	empty := threeRegions()
	empty.Regions = nil
	config := stubtest.Config(t)
	for name, d := range map[string]Deployment{"three regions": three, "no region": empty, "two clouds": withBinaries(twoRegions()), "six regions": sixRegions()} {
		t.Run(name, func(t *testing.T) {
			files, err := Render(d)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			if err := Write(dir, files); err != nil {
				t.Fatal(err)
			}
			terraform := func(args ...string) []byte {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), found.Path, args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_DATA_DIR=", "TF_CLI_ARGS=", "TF_CLI_CONFIG_FILE="+config)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("terraform %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.Bytes())
				}
				return out
			}
			terraform("fmt", "-check", "-recursive", "-diff")
			terraform("init", "-input=false")
			terraform("validate")
			// It asks nothing, and knows the addresses of all regions.
			terraform("plan", "-input=false", "-out=plan")
			var plan struct {
				Changes []struct{ Address, Mode string } `json:"resource_changes"`
			}
			if err := json.Unmarshal(terraform("show", "-json", "plan"), &plan); err != nil {
				t.Fatal(err)
			}
			planned := map[string]bool{}
			for _, c := range plan.Changes {
				planned[c.Address] = true
			}
			for _, r := range d.Regions {
				for _, g := range r.Gateways {
					if address := GatewayAddress(r, g.Name); !planned[address] {
						t.Errorf("the plan lacks %s", address)
					}
				}
			}
		})
	}
}

// withBinaries lets machines start.
func withBinaries(d Deployment) Deployment {
	d.AgentBinaries = sixRegions().AgentBinaries
	return d
}

func gatewaysOf(d Deployment) (names []string) {
	for _, r := range d.Regions {
		for _, g := range r.Gateways {
			names = append(names, g.Name)
		}
	}
	return names
}

func TestRequiredVersionIsWhatIsAccepted(t *testing.T) {
	main, err := mainFile(threeRegions())
	if err != nil {
		t.Fatal(err)
	}
	if want := `required_version = "` + binary.Accepted + `"`; !bytes.Contains(main, []byte(want)) {
		t.Errorf("main.tf lacks %s:\n%s", want, main)
	}
}

func TestRenderIsPure(t *testing.T) {
	d := threeRegions()
	first, err := Render(d)
	if err != nil {
		t.Fatal(err)
	}
	if d.Regions[0].Name != "local:west" {
		t.Error("Render sorted its caller's regions")
	}
	second, err := Render(d)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		if first[i].Path != second[i].Path || !bytes.Equal(first[i].Content, second[i].Content) {
			t.Errorf("%s and %s differ", first[i].Path, second[i].Path)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Deployment)
		want   string
	}{
		"run":           {func(d *Deployment) { d.Run = "A/b" }, "run id"},
		"long run":      {func(d *Deployment) { d.Run = strings.Repeat("r", 20) }, "no room for a region"},
		"owner":         {func(d *Deployment) { d.Owner = "" }, "owns"},
		"lifetime":      {func(d *Deployment) { d.Lifetime = time.Millisecond }, "lifetime"},
		"enroll":        {func(d *Deployment) { d.EnrollWithin = 0 }, "enroll"},
		"deadline":      {func(d *Deployment) { d.NotAfter = time.Time{} }, "deadline"},
		"ca":            {func(d *Deployment) { d.CACertificate = "" }, "CA certificate"},
		"agent":         {func(d *Deployment) { d.AgentPath = "" }, "no agent"},
		"cloud":         {func(d *Deployment) { d.Regions[0].Name = "moon:base" }, `no module for "moon"`},
		"slug":          {func(d *Deployment) { d.Regions[0].Slug = "a.b" }, "part of a name"},
		"slug twice":    {func(d *Deployment) { d.Regions[0].Slug = "local-east" }, "two regions"},
		"gateway":       {func(d *Deployment) { d.Regions[0].Gateways[0].Name = "../x" }, "no name"},
		"gateway twice": {func(d *Deployment) { d.Regions[0].Gateways[0].Name = "local-mid-0" }, "two gateways"},
		"token":         {func(d *Deployment) { delete(d.Tokens, "local-mid-0") }, "no enrollment token"},
		"address":       {func(d *Deployment) { d.Regions[0].Gateways[0].Host.Address = "localhost" }, "no IP address"},
		"machine":       {func(d *Deployment) { *d = sixRegions(); d.Regions[0].Gateways[0].Machine = "" }, "no machine type"},
		"argument":      {func(d *Deployment) { d.Regions[0].Arguments = map[string]any{"a b": 1} }, "no argument"},
		"ssh host":      {func(d *Deployment) { *d = sixRegions(); d.Regions[4].Gateways[0].Host.Address = "-oX=y" }, "no IP address"},
		"peer's name":   {func(d *Deployment) { *d = sixRegions(); d.Regions[4].Gateways[0].Host.Address = "rack1" }, "firewall"},
		"port":          {func(d *Deployment) { d.Regions[0].Gateways[0].Host.Port = 65536 }, "no port"},
		"peer":          {func(d *Deployment) { d.Regions[0].Peers = []string{"nobody"} }, "no gateway of another region"},
		"own peer":      {func(d *Deployment) { d.Regions[0].Peers = []string{"local-west-0"} }, "no gateway of another region"},
		"backend":       {func(d *Deployment) { d.Backend = &Backend{Type: `x" {}`} }, "no type"},
		"setting":       {func(d *Deployment) { d.Backend = &Backend{Type: "s3", Config: map[string]any{"a b": 1}} }, "no name of a setting"},
		"value":         {func(d *Deployment) { d.Backend = &Backend{Type: "s3", Config: map[string]any{"a": func() {}}} }, "cannot be written"},
	} {
		t.Run(name, func(t *testing.T) {
			d := threeRegions()
			tc.change(&d)
			_, err := Render(d)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestResourcePrefix(t *testing.T) {
	long1, err1 := resourcePrefix("20261122-k3v9", "aws-ap-southeast-1")
	long2, err2 := resourcePrefix("20261122-k3v9", "aws-ap-southeast-2")
	short, err3 := resourcePrefix("k3v9", "local-east")
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if short != "skyctl-k3v9-local-east" {
		t.Errorf("a short slug became %s", short)
	}
	if long1 == long2 || len(long1) > maxPrefix || len(long2) > maxPrefix {
		t.Errorf("%s and %s do not tell their regions apart within %d characters", long1, long2, maxPrefix)
	}
}
