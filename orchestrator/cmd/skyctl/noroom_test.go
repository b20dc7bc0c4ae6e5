package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/orchestrator/account/accounttest"
	"github.com/skyctl/skyctl/terraform/stubprovider"
	"github.com/skyctl/skyctl/terraform/stubprovider/stubtest"
)

// TestACloudWithoutRoom copies between two local regions, where the way over a
// relay of AWS would be far cheaper. AWS, played by the stub and by accounttest,
// has no machine for it, and says so before or while Terraform applies. The copy
// takes the direct way, if the user is ready to pay for it, and nothing is left.
func TestACloudWithoutRoom(t *testing.T) {
	rc := stubtest.Config(t)
	dir := t.TempDir()
	faults, exists := filepath.Join(dir, "faults.json"), filepath.Join(dir, "exists")
	full := `[{"on": "create", "type": "aws_instance", "error": "api error InsufficientInstanceCapacity: We currently do not have sufficient capacity"}]`
	if err := errors.Join(os.WriteFile(faults, []byte(full), 0o600), os.Mkdir(exists, 0o700)); err != nil {
		t.Fatal(err)
	}
	t.Setenv(stubprovider.FaultsVariable, faults)
	t.Setenv(stubprovider.WorldVariable, exists)
	vcpu := func(limit float64) map[string]accounttest.Quota {
		return map[string]accounttest.Quota{"L-1216C47A": {Limit: limit}, "L-F678F1CE": {Limit: 5}, "L-A4707A72": {Limit: 5}, "L-0EA8095F": {Limit: 60}}
	}
	both := []string{"m5.2xlarge", "m5.8xlarge"}
	for what, c := range map[string]struct {
		vcpu    float64
		args    []string
		exit    int
		said    []string // in this order
		missing string
	}{
		"no zone has a machine": {vcpu: 64, args: []string{"--max-cost", "100"}, said: []string{
			"trying another zone: aws-us-east-1-0 to us-east-1b", "again, 1 of at most 3 times: m5.", "trying another zone: aws-us-east-1-0 to us-east-1b",
			"again, 2 of at most 3 times: m5.", "transfer"}},
		"the other plan is dearer": {vcpu: 64, exit: 5, said: []string{"again, 2 of at most 3 times", "is stale: ", "the plan without that costs $"}, missing: "\ntransfer"},
		"the quota is too small":   {vcpu: 4, said: []string{"solve: again, 1 of at most 3 times: quota \"Running On-Demand Standard", "transfer"}, missing: "zone"},
	} {
		t.Run(what, func(t *testing.T) {
			account := httptest.NewServer((&accounttest.World{Account: stubprovider.Account, Regions: []string{"us-east-1"}, Quotas: vcpu(c.vcpu),
				Offers: map[string][]string{"us-east-1a": both, "us-east-1b": both}}).AWS())
			t.Cleanup(account.Close)
			for name, value := range map[string]string{"AWS_ENDPOINT_URL": account.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"} {
				t.Setenv(name, value)
			}
			w := filesOnly(t)
			config, err := os.ReadFile(filepath.Join(w.dir, "skyctl.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			config = append(config, fmt.Sprintf(`links:
  - {from: local:east, to: local:west, gbps: 1, usd_per_gb: 50000}
  - {from: local:east, to: aws:us-east-1, gbps: 1, usd_per_gb: 0}
  - {from: aws:us-east-1, to: local:west, gbps: 1, usd_per_gb: 0}
clouds: {aws: {account_id: %q}}
allow: {machines: [m5.2xlarge, m5.8xlarge]}
agent: {url: "https://example.org/skyagent", sha256: %s}
control: {cidrs: 203.0.113.7/32}
terraform: {plugin_dir: %q}
`, stubprovider.Account, strings.Repeat("a", 64), filepath.Dir(rc))...)
			if err := errors.Join(os.WriteFile(filepath.Join(w.dir, "skyctl.yaml"), config, 0o600),
				os.WriteFile(filepath.Join(w.dir, "east/data/k"), make([]byte, 100_000), 0o644)); err != nil {
				t.Fatal(err)
			}
			got := w.skyctl(append([]string{"cp", "-r", "east://data/", "west://data/", "--gateways", "1", "--min-throughput", "1Gbps", "--yes", "--json"}, c.args...)...)
			rest := got.stderr
			for _, said := range c.said {
				i := strings.Index(rest, said)
				if i < 0 {
					t.Fatalf("exit %d, and nothing says %q in\n%s", got.exit, said, got.stderr)
				}
				rest = rest[i+len(said):]
			}
			if got.exit != c.exit || c.missing != "" && strings.Contains(got.stderr, c.missing) {
				t.Errorf("exit %d, want %d\n%s\n%s", got.exit, c.exit, got.stdout, got.stderr)
			}
			if _, err := os.Stat(filepath.Join(w.dir, "west/data/k")); (err == nil) != (c.exit == 0) {
				t.Errorf("exit %d, and at the destination: %v", got.exit, err)
			}
			if left, err := os.ReadDir(exists); err != nil || len(left) > 0 {
				t.Errorf("left in the cloud are %v, %v", left, err)
			}
			if left := w.processes(); len(left) > 0 {
				t.Errorf("left are the processes %v", left)
			}
		})
	}
}
