package deploy

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skyctl/skyctl/agent/enroll"
	"github.com/skyctl/skyctl/agent/route"
	"github.com/skyctl/skyctl/orchestrator/config"
	"github.com/skyctl/skyctl/orchestrator/layout"
	"github.com/skyctl/skyctl/orchestrator/overlay"
	"github.com/skyctl/skyctl/orchestrator/region"
	"github.com/skyctl/skyctl/orchestrator/rundir"
	"github.com/skyctl/skyctl/terraform/engine"
	"github.com/skyctl/skyctl/terraform/render"
	"github.com/skyctl/skyctl/terraform/stubprovider"
)

// TestRefusals reads what users of the three providers saw, in their issues and
// in the clouds' documentation.
func TestRefusals(t *testing.T) {
	l := cloudConfig(t).Layout // 2 gateways in AWS, one in Azure, one in GCP
	at := func(g int) string {
		r := render.Region{Name: string(l.Gateways[g].Region), Slug: l.Gateways[g].Region.Slug()}
		return render.GatewayAddress(r, string(l.Gateways[g].Name))
	}
	const aws, azure, gcp = 0, 2, 3
	for _, c := range []struct {
		address, said string
		want          string // "region machine", "zone" behind it; empty: nothing that another plan avoids
	}{
		{at(aws), "creating EC2 Instance: operation error EC2: RunInstances, https response error StatusCode: 500, RequestID: 1, api error InsufficientInstanceCapacity: We currently do not have sufficient c6in.8xlarge capacity in the Availability Zone you requested (us-east-1a).", "aws:us-east-1 c6in.8xlarge zone"},
		{at(aws), "api error Unsupported: Your requested instance type (c6in.8xlarge) is not supported in your requested Availability Zone (us-east-1e).", "aws:us-east-1 c6in.8xlarge zone"},
		{at(aws), "api error VcpuLimitExceeded: You have requested more vCPU capacity than your current vCPU limit of 32 allows", "aws:us-east-1 c6in.8xlarge"},
		{"module.aws_us_east_1.aws_vpc.this[0]", "creating EC2 VPC: api error VpcLimitExceeded: The maximum number of VPCs has been reached.", "aws:us-east-1"},
		{at(aws), "api error UnauthorizedOperation: You are not authorized to perform this operation.", ""},
		{at(gcp), "Error waiting for instance to create: The zone 'projects/p/zones/us-central1-a' does not have enough resources available to fulfill the request.  Try a different zone, or try again later.", "gcp:us-central1 n2-standard-32 zone"},
		{at(gcp), "Error waiting for instance to create: Quota 'N2_CPUS' exceeded.  Limit: 8.0 in region us-central1.", "gcp:us-central1 n2-standard-32"},
		{at(gcp), "googleapi: Error 403: Quota 'CPUS_ALL_REGIONS' exceeded.  Limit: 32.0 globally., quotaExceeded", "gcp:us-central1 n2-standard-32"},
		{at(gcp), "googleapi: Error 403: Quota 'IN_USE_ADDRESSES' exceeded.  Limit: 4.0 in region us-central1., quotaExceeded", "gcp:us-central1"},
		{"module.gcp_us_central1.google_compute_network.this[0]", "googleapi: Error 403: Quota 'NETWORKS' exceeded.  Limit: 5.0 globally., quotaExceeded", "gcp:us-central1"},
		{at(gcp), "googleapi: Error 403: Compute Engine API has not been used in project p before or it is disabled., accessNotConfigured", ""},
		{at(azure), "creating Linux Virtual Machine: performing CreateOrUpdate: unexpected status 409 (409 Conflict) with error: SkuNotAvailable: The requested VM size is currently not available in location 'westus2'.", "azure:westus2 Standard_D32_v5"},
		{at(azure), "unexpected status 409 with error: OperationNotAllowed: Operation could not be completed as it results in exceeding approved standardDv5Family Cores quota.", "azure:westus2 Standard_D32_v5"},
		{at(azure), "polling after CreateOrUpdate: polling failed: AllocationFailed: Allocation failed. We do not have sufficient capacity for the requested VM size in this region.", "azure:westus2 Standard_D32_v5"},
		{"module.azure_westus2.azurerm_public_ip.gateway[\"azure-westus2-0\"]", "unexpected status 400 with error: PublicIPCountLimitReached: Cannot create more than 10 public IP addresses", "azure:westus2"},
		{at(azure), "unexpected status 409 with error: OperationNotAllowed: The client has no permission", ""},
		{"", "api error InsufficientInstanceCapacity", ""},
	} {
		got := ""
		if r := refusals(&engine.Error{Diagnostics: []engine.Diagnostic{{Summary: c.said, Address: c.address}}}, l); len(r) == 1 {
			got = strings.TrimSpace(string(r[0].Region) + " " + r[0].Machine)
			if r[0].Zonal {
				got += " zone"
			}
		}
		if got != c.want {
			t.Errorf("%s\ngot %q, want %q", c.said, got, c.want)
		}
	}
	mixed := &engine.Error{Diagnostics: []engine.Diagnostic{{Summary: "api error VcpuLimitExceeded", Address: at(aws)}, {Summary: "denied", Address: at(gcp)}}}
	if r := refusals(mixed, l); len(r) != 0 {
		t.Errorf("what would fail in any plan is a reason for another: %v", r)
	}
}

// TestZones: a gateway for which its zone has no room comes up in the next, with
// what came up meanwhile left alone; where no zone has room, that is said.
func TestZones(t *testing.T) {
	rc := stubConfig(t)
	faults := filepath.Join(t.TempDir(), "faults.json")
	t.Setenv(stubprovider.FaultsVariable, faults)
	east, west := region.Region("gcp:us-east1"), region.Region("gcp:us-west1")
	zones := map[region.Kind][]string{{Region: east, Machine: "n2-standard-4"}: {"us-east1-b", "us-east1-c", "us-east1-d"}, {Region: west, Machine: "n2-standard-4"}: {"us-west1-a"}}
	for what, c := range map[string]struct {
		full    []string // zones
		allowed []string // by the configuration
		want    string   // zones of the gateways in the end, empty: refused
		said    int
	}{
		"there is room":                     {nil, nil, "us-east1-b us-east1-b us-west1-a", 0},
		"two zones are full":                {[]string{"us-east1-b", "us-east1-c"}, nil, "us-east1-d us-east1-d us-west1-a", 2},
		"all zones are full":                {[]string{"us-east1"}, nil, "", 2},
		"the only zone is full":             {[]string{"us-west1-a"}, nil, "", 0},
		"the configuration names the zones": {[]string{"us-east1-d"}, []string{"us-east1-d", "us-east1-b", "us-east1-x"}, "us-east1-b us-east1-b us-west1-a", 1},
	} {
		t.Run(what, func(t *testing.T) {
			cfg := cloudConfig(t)
			cfg.Settings.Clouds.GCP = config.GCP{Project: "p", Zones: map[string][]string{"us-east1": c.allowed}}
			cfg.Settings.Terraform.PluginDir = filepath.Dir(rc)
			var said []string
			cfg.Zones, cfg.Say = zones, func(note string) { said = append(said, note) }
			cfg.Layout = twoRegions(t, east, west)
			var list []stubprovider.Fault
			for _, zone := range c.full {
				list = append(list, stubprovider.Fault{On: "create", Type: "google_compute_instance", Region: zone,
					Error: "Error waiting for instance to create: The zone does not have enough resources available to fulfill the request."})
			}
			content, err := json.Marshal(list)
			if err == nil {
				err = os.WriteFile(faults, content, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			d, err := New(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			err = applied(t, d)
			refused := (*RefusedError)(nil)
			if (c.want == "") != errors.As(err, &refused) || c.want != "" && err != nil || len(said) != c.said {
				t.Fatalf("got %v; said %q", err, said)
			}
			outputs, err := d.engine.Outputs(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range cfg.Layout.Gateways {
				got = append(got, outputs[string(g.Name)].Zone)
			}
			if c.want != "" && strings.Join(got, " ") != c.want {
				t.Errorf("got %q, want %s", got, c.want)
			}
			if c.want != "" {
				// A later process replaces a gateway where it is.
				var kept choices
				if err := rundir.ReadJSON(d.choicesFile(), &kept); err != nil || kept.Zones[cfg.Layout.Gateways[0].Name] != got[0] {
					t.Errorf("kept is %v, %v", kept.Zones, err)
				}
			}
			if err := d.Destroy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// twoRegions is a layout of two gateways in one region and one in another.
func twoRegions(t *testing.T, east, west region.Region) *layout.Layout {
	t.Helper()
	o := &overlay.Overlay{}
	o.Regions = []overlay.Region{{Region: east, Gateways: 2, Machine: "n2-standard-4"}, {Region: west, Gateways: 1, Machine: "n2-standard-4"}}
	o.Edges = []overlay.Edge{{From: east, To: west, Connections: 64}}
	o.Routes = []overlay.Route{{Path: []region.Region{east, west}, Gbits: 5}}
	l, err := layout.Build(o, 1)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// applied is Apply without enrolling: the stub's machines never answer.
func applied(t *testing.T, d *Deployment) error {
	t.Helper()
	if err := d.decide(t.Context()); err != nil {
		t.Fatal(err)
	}
	tokens := map[route.Gateway]enroll.Token{}
	for _, g := range d.cfg.Layout.Gateways {
		tokens[g.Name] = d.authority.NewToken()
	}
	if err := errors.Join(d.write(tokens), d.prepare(t.Context())); err != nil {
		t.Fatal(err)
	}
	p, err := d.engine.Plan(t.Context(), engine.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d.create(t.Context(), p, tokens)
}

func TestWants(t *testing.T) {
	cfg := cloudConfig(t)
	cfg.Settings.Allow.Machines = []string{"c6in.8xlarge", "m5.8xlarge"}
	wants := Wants(cfg, region.AWS)
	if len(wants) != 1 || wants[0].NewNetwork || !wants[0].Public || wants[0].Peers != 1 || wants[0].ControlCIDRs != 1 || wants[0].Count() != 2 {
		t.Fatalf("got %+v", wants)
	}
	var types []string
	for _, m := range wants[0].Machines {
		types = append(types, m.Type)
	}
	if slices.Sort(types); strings.Join(types, " ") != "c6in.8xlarge m5.8xlarge" {
		t.Errorf("got %q", types)
	}
	delete(cfg.Settings.Clouds.AWS.Networks, "us-east-1")
	cfg.Settings.Addresses = config.Private
	if w := Wants(cfg, region.AWS)[0]; !w.NewNetwork || w.Public {
		t.Errorf("got %+v", w)
	}
	if len(Wants(cfg, region.GCP)) != 1 {
		t.Errorf("got %+v", Wants(cfg, region.GCP))
	}
}
