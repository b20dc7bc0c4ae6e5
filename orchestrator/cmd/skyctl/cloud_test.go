package main

import (
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

// cloud is an account of AWS as the stub plays it for Terraform, and accounttest
// for whoever asks whose it is and what there is room for.
type cloud struct {
	faults string   // the file that has the stub's, to be written anew
	exists string   // the directory of what exists
	env    []string // of who uses it
	config string   // the same
}

// stubConfig has Terraform find the stub alone.
var stubConfig = stubtest.Once(func() string { return scratch })

// startCloud starts an empty cloud with those faults. It plays world.
func startCloud(t *testing.T, faults string, world *accounttest.World) *cloud {
	t.Helper()
	rc, dir := stubConfig(t), t.TempDir()
	c := &cloud{faults: filepath.Join(dir, "faults.json"), exists: filepath.Join(dir, "exists")}
	c.suffers(t, faults)
	if err := os.Mkdir(c.exists, 0o700); err != nil {
		t.Fatal(err)
	}
	world.Account = stubprovider.Account
	account := httptest.NewServer(world.AWS())
	t.Cleanup(account.Close)
	c.env = []string{stubprovider.FaultsVariable + "=" + c.faults, stubprovider.WorldVariable + "=" + c.exists,
		"AWS_ENDPOINT_URL=" + account.URL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}
	c.config = fmt.Sprintf("clouds: {aws: {account_id: %q}}\n", stubprovider.Account) +
		fmt.Sprintf("agent: {url: \"https://example.org/skyagent\", sha256: %s}\n", strings.Repeat("a", 64)) +
		fmt.Sprintf("control: {cidrs: 203.0.113.7/32}\nterraform: {plugin_dir: %q}\n", filepath.Dir(rc))
	return c
}

// suffers gives the cloud other faults.
func (c *cloud) suffers(t *testing.T, faults string) {
	t.Helper()
	if err := os.WriteFile(c.faults, []byte(faults), 0o600); err != nil {
		t.Fatal(err)
	}
}

// use adds to a world's configuration, and to its environment, what it takes to
// use the cloud.
func (w *world) use(c *cloud, config string) {
	w.t.Helper()
	w.append(config + c.config)
	w.env = append(w.env, c.env...)
}
